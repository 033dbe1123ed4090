"""OpenTelemetry Collector: takes every service's spans and logs, and keeps them until delivered."""

from pathlib import Path

from observability.backends.model import Backend, Layout, Site, default_ports

CONFIG = Path(__file__).parent / "collector.yaml"


def _arguments(site: Site) -> list[str]:
    return ["--config", str(site.config("collector") / CONFIG.name)]


def _variables(site: Site) -> dict[str, str]:
    return {
        "COLLECTOR_HOST": site.host,
        "COLLECTOR_HTTP_PORT": str(site.port("collector")),
        "COLLECTOR_GRPC_PORT": str(site.port("collector_grpc")),
        "COLLECTOR_HEALTH_PORT": str(site.port("collector_health")),
        "COLLECTOR_METRICS_PORT": str(site.port("collector_metrics")),
        "COLLECTOR_NAMESPACE": site.namespace,
        "COLLECTOR_ENVIRONMENT": site.environment,
        "COLLECTOR_DATA": str(site.data("collector")),
        "JAEGER_OTLP_ENDPOINT": site.address("jaeger_otlp_grpc"),
        "LOKI_URL": site.url("loki"),
        "PROMETHEUS_URL": site.url("prometheus"),
    }


BACKEND = Backend(
    name="collector",
    title="Collector",
    ports=default_ports("collector", "collector_grpc", "collector_health", "collector_metrics"),
    ready=("collector_health", "/"),
    metrics=("collector_metrics", "/metrics"),
    arguments=_arguments,
    variables=_variables,
    layout=lambda _: Layout(links={CONFIG.name: CONFIG}),
    needs=("jaeger", "loki", "prometheus"),
    memory_mib=128,
    stop_seconds=15.0,
)
