"""Addresses of the console's views, and Grafana's addresses as the console's own."""

import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, quote, urlencode

from observability.console.timerange import TimeRange

_PASSED_ON = re.compile(r"\$\{(?P<name>\w+):queryparam\}")
LAST_HALF_HOUR = TimeRange("now-30m", "now")


def dashboard(uid: str, span: TimeRange, **variables: str | Sequence[str]) -> str:
    """A dashboard, with some of its variables chosen."""
    chosen = {f"var-{name}": value for name, value in variables.items()}
    return f"/dashboards/{quote(uid)}?{span.query(**chosen)}"


def service(name: str, span: TimeRange = LAST_HALF_HOUR) -> str:
    """The dashboard of one service."""
    return dashboard("service-detail", span, service=name)


def trace(trace_id: str, span_id: str | None = None) -> str:
    """A trace, at one of its spans."""
    return f"/traces/{quote(trace_id, safe='')}" + (f"#span-{quote(span_id)}" if span_id else "")


def traces(span: TimeRange, **fields: str) -> str:
    """A search for traces."""
    return f"/traces?{span.query(**fields)}"


def logs(query: str, span: TimeRange, **fields: str) -> str:
    """A search for log lines by LogQL."""
    return f"/logs?{span.query(query=query, **fields)}"


def incident(number: int | str) -> str:
    """A notification with its evidence, its timeline and its runbook."""
    return f"/alerts/{number}"


def from_explore(query: Mapping[str, str]) -> str:
    """Where a link to Grafana's Explore leads in the console.

    Args:
        query: of that address; `panes` says what is asked.
    """
    try:
        pane = next(iter(json.loads(query.get("panes", "")).values()))
        asked = pane["queries"][0]
        times = pane.get("range", {})
        kind = asked.get("datasource", {}).get("type", pane.get("datasource"))
    except (ValueError, KeyError, IndexError, StopIteration, AttributeError, TypeError):
        return "/traces"
    span = {"from": str(times.get("from", "now-30m")), "to": str(times.get("to", "now"))}
    if kind == "loki":
        return "/logs?" + urlencode(span | {"query": str(asked.get("expr", ""))})
    if kind == "jaeger" and asked.get("queryType") != "search" and asked.get("query"):
        return trace(str(asked["query"]))
    if kind == "jaeger":
        return "/traces?" + urlencode(span | {"service": str(asked.get("service", ""))})
    return "/dashboards"


def with_values(
    template: str,
    values: Mapping[str, str],
    span: TimeRange,
    chosen: Mapping[str, Sequence[str]],
) -> str:
    """A data link of a dashboard with `${__value.text}` and its like filled in.

    Args:
        template: as it stands in the dashboard.
        values: by the reference's name, such as `__value.text`.
        span: the time that is shown.
        chosen: values of the dashboard's variables, which `${name:queryparam}` passes on.
    """
    filled = template.replace("${__url_time_range}", span.query())
    filled = _PASSED_ON.sub(lambda found: _passed_on(found["name"], chosen), filled)
    known = {"__from": span.start, "__to": span.end, **values}
    for name, value in known.items():
        filled = filled.replace(f"${{{name}}}", quote(value, safe=""))
    return local(filled)


def _passed_on(name: str, chosen: Mapping[str, Sequence[str]]) -> str:
    return urlencode([(f"var-{name}", value) for value in chosen.get(name, ())])


def local(address: str) -> str:
    """An address of Grafana's pages as one of the console."""
    if address.startswith("/d/"):
        return "/dashboards/" + address.removeprefix("/d/")
    path, _, query = address.partition("?")
    if path == "/explore":
        return from_explore({name: values[0] for name, values in parse_qs(query).items()})
    return address


def chosen(query: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Values of a dashboard's variables in an address: `var-service=gateway`."""
    found: dict[str, list[str]] = {}
    for name, value in query:
        if name.startswith("var-"):
            found.setdefault(name.removeprefix("var-"), []).append(value)
    return found
