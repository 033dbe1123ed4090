"""Grafana: the dashboards. It runs natively where a fitting one is on PATH, else as an image.

Provisioning lies in `provisioning/`, the dashboards' JSON in the project's `dashboards/`.
"""

import shutil
from pathlib import Path

from observability.backends.model import Backend, Layout, Site

PROVISIONING = Path(__file__).parent / "provisioning"


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
        "GF_LOG_MODE": "console",
        "GF_LOG_LEVEL": "warn",
        # no default password, and no visitor without one
        "GF_SECURITY_ADMIN_USER": "admin",
        "GF_SECURITY_ADMIN_PASSWORD": f"$__file{{{site.state / 'secrets' / 'grafana_admin'}}}",
        "GF_SECURITY_SECRET_KEY": f"$__file{{{site.state / 'secrets' / 'grafana_key'}}}",
        "GF_AUTH_ANONYMOUS_ENABLED": "false",
        "GF_USERS_ALLOW_SIGN_UP": "false",
        # it starts offline and calls nobody
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "GF_ANALYTICS_FEEDBACK_LINKS_ENABLED": "false",
        "GF_SECURITY_DISABLE_GRAVATAR": "true",
        "GF_NEWS_NEWS_FEED_ENABLED": "false",
        "GF_PLUGINS_PREINSTALL_AUTO_UPDATE": "false",
        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
        "GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED": "true",
        # alert rules are Prometheus' own
        "GF_UNIFIED_ALERTING_ENABLED": "true",
        "GF_UNIFIED_ALERTING_EXECUTE_ALERTS": "false",
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
    ports={"grafana": 3000},
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
