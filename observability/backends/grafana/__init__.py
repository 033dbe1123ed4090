"""Grafana: the dashboards. It runs natively where a fitting one is on PATH, else as an image.

Provisioning lies in `provisioning/`, the dashboards' JSON in the project's `dashboards/`.
"""

import shutil
from pathlib import Path

from observability.backends.model import Backend, Layout, Site, default_ports, variables_of

PROVISIONING = Path(__file__).parent / "provisioning"
#: What it is told wherever it runs.
FIXED = Path(__file__).parent / "grafana.env"


def home() -> Path | None:
    """Grafana's own files (`conf/`, `public/`): beside the executable, or where packages put them.

    Returns:
        None when neither is there, in which case Grafana says so itself when it starts.
    """
    executable = shutil.which("grafana")
    beside = [Path(executable).resolve().parent.parent] if executable else []
    for folder in [*beside, Path("/usr/share/grafana")]:
        if (folder / "conf" / "defaults.ini").is_file():
            return folder
    return None


def _arguments(_: Site) -> list[str]:
    found = home()
    return ["server", *([f"--homepath={found}"] if found else [])]


def _variables(site: Site) -> dict[str, str]:
    data = site.data("grafana")
    return {
        "GF_SERVER_HTTP_ADDR": site.host,
        "GF_SERVER_HTTP_PORT": str(site.port("grafana")),
        "GF_SERVER_ROOT_URL": site.url("grafana"),
        "GF_PATHS_DATA": str(data),
        "GF_PATHS_LOGS": str(data / "log"),
        "GF_PATHS_PLUGINS": str(data / "plugins"),
        "GF_PATHS_PROVISIONING": str(site.config("grafana") / "provisioning"),
        "GF_SECURITY_ADMIN_PASSWORD": f"$__file{{{site.state / 'secrets' / 'grafana_admin'}}}",
        "GF_SECURITY_SECRET_KEY": f"$__file{{{site.state / 'secrets' / 'grafana_key'}}}",
        **variables_of(FIXED),
        # read by the provisioning files
        "PROMETHEUS_URL": site.url("prometheus"),
        "ALERTMANAGER_URL": site.url("alertmanager"),
        "LOKI_URL": site.url("loki"),
        "JAEGER_URL": site.url("jaeger"),
        "DASHBOARDS_DIR": str(site.config("grafana") / "dashboards"),
    }


def _layout(site: Site) -> Layout:
    return Layout(
        links={"provisioning": PROVISIONING, "dashboards": site.dashboards},
    )


BACKEND = Backend(
    name="grafana",
    title="Grafana",
    ports=default_ports("grafana"),
    ready=("grafana", "/api/health"),
    metrics=("grafana", "/metrics"),
    arguments=_arguments,
    variables=_variables,
    layout=_layout,
    needs=("prometheus", "loki", "jaeger", "alertmanager"),
    secrets=("grafana_admin", "grafana_key"),
    memory_mib=256,
    stop_seconds=15.0,
)
