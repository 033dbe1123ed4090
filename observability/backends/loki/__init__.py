"""Loki: keeps log lines under five labels, all other fields as structured metadata."""

from pathlib import Path

from observability.backends.model import Backend, Layout, Site, default_ports

CONFIG = Path(__file__).parent / "loki.yml"

#: With authentication off, Loki files all under a tenant of this name, rules included.
TENANT = "fake"


def _arguments(site: Site) -> list[str]:
    return [
        f"-config.file={site.config('loki') / CONFIG.name}",
        "-config.expand-env=true",
    ]


def _variables(site: Site) -> dict[str, str]:
    return {
        "LOKI_HOST": site.host,
        "LOKI_PORT": str(site.port("loki")),
        "LOKI_GRPC_PORT": str(site.port("loki_grpc")),
        "LOKI_DATA": str(site.data("loki")),
        "LOKI_RULES": str(site.config("loki") / "rules"),
        "ALERTMANAGER_URL": site.url("alertmanager"),
        **site.retention("loki"),
    }


def _layout(site: Site) -> Layout:
    links = {CONFIG.name: CONFIG}
    if site.log_rules.is_dir():
        links[f"rules/{TENANT}"] = site.log_rules
    return Layout(links=links, folders=("rules",))


BACKEND = Backend(
    name="loki",
    title="Loki",
    ports=default_ports("loki", "loki_grpc"),
    ready=("loki", "/ready"),
    metrics=("loki", "/metrics"),
    arguments=_arguments,
    variables=_variables,
    layout=_layout,
    needs=("alertmanager",),
    memory_mib=160,
    stop_seconds=15.0,
)
