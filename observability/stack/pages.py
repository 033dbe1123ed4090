"""Addresses that people may open once a stack is ready."""

from observability.stack.plan import Plan
from observability.stack.services import CONSOLE

_TITLES = {
    CONSOLE: "console: alerts received, what runs",
    "grafana": "Grafana",
    "prometheus": "Prometheus' API",
    "alertmanager": "Alertmanager",
}


def to_open(plan: Plan) -> dict[str, str]:
    """Address and title by process name, the services of belfry.toml that have a title first."""
    services = {
        name: (plan.settings.public_url(name, table.port), table.title)
        for name, table in plan.config.services.items()
        if table.title
    }
    others = {name: (plan.settings.public_url(name), title) for name, title in _TITLES.items()}
    return {
        name: f"{url}  {title}"
        for name, (url, title) in (services | others).items()
        if name in plan.names
    }
