"""What the official images look like from outside: enough to run docker-compose.yml unchanged."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Server:
    """The outside of one official image."""

    name: str
    """Name in the version table and in the cache of built servers."""
    binaries: dict[str, str]
    """Path in the image → file name among the built binaries."""
    entrypoint: str
    command: tuple[str, ...]
    user: str
    """Numeric `uid:gid` that the processes run as."""
    owned: tuple[str, ...] = ()
    """Directories that belong to that user."""
    volume: str = ""
    workdir: str = "/"
    busybox: bool = False
    """Whether there is a shell, and a wget for health checks."""
    zones: bool = False
    """Whether it knows time zones."""
    environment: dict[str, str] = field(default_factory=dict)


NOBODY = "65534:65534"

SERVERS = {
    "prom/prometheus": Server(
        "prometheus",
        {"/bin/prometheus": "prometheus", "/bin/promtool": "promtool"},
        "/bin/prometheus",
        ("--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"),
        NOBODY,
        owned=("/etc/prometheus", "/prometheus"),
        volume="/prometheus",
        workdir="/prometheus",
        busybox=True,
        zones=True,
    ),
    "prom/alertmanager": Server(
        "alertmanager",
        {"/bin/alertmanager": "alertmanager", "/bin/amtool": "amtool"},
        "/bin/alertmanager",
        ("--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager"),
        NOBODY,
        owned=("/etc/alertmanager", "/alertmanager"),
        volume="/alertmanager",
        workdir="/alertmanager",
        busybox=True,
        zones=True,
    ),
    "grafana/loki": Server(
        "loki",
        {"/usr/bin/loki": "loki"},
        "/usr/bin/loki",
        ("-config.file=/etc/loki/local-config.yaml",),
        "10001:10001",
        owned=("/etc/loki", "/loki"),
    ),
    "jaegertracing/jaeger": Server(
        "jaeger",
        {"/cmd/jaeger/jaeger-linux": "jaeger"},
        "/cmd/jaeger/jaeger-linux",
        (),
        "10001:0",
        volume="/tmp",  # noqa: S108 -- the official image declares this volume
        busybox=True,
        environment={"JAEGER_LISTEN_HOST": "0.0.0.0"},  # noqa: S104 -- as the official image sets
    ),
    "otel/opentelemetry-collector-contrib": Server(
        "collector",
        {"/otelcol-contrib": "collector"},
        "/otelcol-contrib",
        ("--config", "/etc/otelcol-contrib/config.yaml"),
        "10001:10001",
    ),
}
