"""Ways from one signal to the others that keep what is being looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from urllib.parse import quote

from dashboards.kit.queries import Json

TAG = "belfry"

_VARIABLE = re.compile(r"\$\{[^}]*\}")


def dashboards() -> Json:
    """The list of all dashboards at the top of each, keeping time range and variables."""
    return {
        "type": "dashboards",
        "title": "Dashboards",
        "tags": [TAG],
        "asDropdown": True,
        "keepTime": True,
        "includeVars": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def page(title: str, uid: str) -> Json:
    """A link at the top to one dashboard, keeping time range and variables."""
    return {
        "type": "link",
        "title": title,
        "tags": [],
        "asDropdown": False,
        "keepTime": True,
        "includeVars": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": f"/d/{uid}",
    }


def to_dashboard(
    title: str, uid: str, *, keep: Sequence[str] = ("environment", "interval"), **variables: str
) -> Json:
    """A link to a dashboard with these variables; the time range is kept.

    `keep` names the variables that both dashboards have and that stay as they are chosen. What
    belongs to a service, such as a replica, does not stay where the link leads to another one.
    """
    kept = [f"${{{name}:queryparam}}" for name in keep]
    given = [f"var-{name}={value}" for name, value in variables.items()]
    query = "&".join(["${__url_time_range}", *kept, *given])
    return {"title": title, "url": f"/d/{uid}?{query}", "targetBlank": False}


def to_traces(service: str) -> Json:
    """A link to the traces of `service`, a template such as `${__field.labels.service_name}`."""
    query = {"queryType": "search", "service": service, "limit": 20}
    return {"title": "Traces", "url": _explore("jaeger", query), "targetBlank": False}


def to_logs(service: str, **fields: str) -> Json:
    """A link to the logs of `service`, a template such as `${__field.labels.service_name}`.

    `fields` are what its lines must have, templates too.
    """
    filters = "".join(f' | {name}="{value}"' for name, value in fields.items())
    query = {"queryType": "range", "expr": f'{{service_name="{service}"}}{filters}'}
    return {"title": "Logs", "url": _explore("loki", query), "targetBlank": False}


def _explore(kind: str, query: Json) -> str:
    datasource = {"type": kind, "uid": kind}
    pane = {
        "datasource": kind,
        "queries": [{"refId": "A", "datasource": datasource, **query}],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    return f"/explore?schemaVersion=1&panes={_escape(json.dumps({'a': pane}))}"


def _escape(text: str) -> str:
    """Percent-encoded, but for the variables, which are filled in later."""
    plain = [quote(part, safe="") for part in _VARIABLE.split(text)]
    variables = [*_VARIABLE.findall(text), ""]
    return "".join(a + b for a, b in zip(plain, variables, strict=True))
