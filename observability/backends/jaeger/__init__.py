"""Jaeger: keeps and searches traces."""

from pathlib import Path

from observability.backends.model import Backend, Layout, Site, default_ports

CONFIG = Path(__file__).parent / "jaeger.yaml"


def _arguments(site: Site) -> list[str]:
    return ["--config", f"file:{site.config('jaeger') / CONFIG.name}"]


def _variables(site: Site) -> dict[str, str]:
    return {
        "JAEGER_LISTEN_HOST": site.host,
        "JAEGER_PORT": str(site.port("jaeger")),
        "JAEGER_GRPC_PORT": str(site.port("jaeger_grpc")),
        "JAEGER_OTLP_GRPC_PORT": str(site.port("jaeger_otlp_grpc")),
        "JAEGER_OTLP_HTTP_PORT": str(site.port("jaeger_otlp_http")),
        "JAEGER_HEALTH_PORT": str(site.port("jaeger_health")),
        "JAEGER_METRICS_PORT": str(site.port("jaeger_metrics")),
        "JAEGER_DATA": str(site.data("jaeger")),
        "PROMETHEUS_URL": site.url("prometheus"),
        **site.retention("jaeger"),
    }


BACKEND = Backend(
    name="jaeger",
    title="Jaeger",
    ports=default_ports(
        "jaeger",
        "jaeger_grpc",
        "jaeger_otlp_grpc",
        "jaeger_otlp_http",
        "jaeger_health",
        "jaeger_metrics",
    ),
    ready=("jaeger_health", "/status"),
    metrics=("jaeger_metrics", "/metrics"),
    arguments=_arguments,
    variables=_variables,
    layout=lambda _: Layout(links={CONFIG.name: CONFIG}),
    # Badger alone keeps up to 256 MiB of what it has read: with less, Go does nothing but collect.
    memory_mib=448,
)
