"""Prometheus: keeps metrics with their exemplars, evaluates the alert rules."""

from pathlib import Path

from observability.backends.model import Backend, Layout, Site, default_ports

CONFIG = Path(__file__).parent / "prometheus.yml"


def _arguments(site: Site) -> list[str]:
    return [
        f"--config.file={site.config('prometheus') / CONFIG.name}",
        f"--storage.tsdb.path={site.data('prometheus')}",
        f"@{site.profile / 'prometheus.flags'}",
        f"--web.listen-address={site.address('prometheus')}",
        f"--web.external-url={site.url('prometheus')}",
        "--web.enable-otlp-receiver",
        "--enable-feature=exemplar-storage",
        "--query.max-concurrency=8",
        "--query.timeout=30s",
        "--log.level=warn",
    ]


def _layout(site: Site) -> Layout:
    return Layout(
        links={CONFIG.name: CONFIG, "rules": site.rules, "targets": site.state / "targets"},
        folders=("scrape.d",),
    )


BACKEND = Backend(
    name="prometheus",
    title="Prometheus",
    ports=default_ports("prometheus"),
    ready=("prometheus", "/-/ready"),
    metrics=("prometheus", "/metrics"),
    arguments=_arguments,
    layout=_layout,
    needs=("alertmanager",),
    memory_mib=160,
)
