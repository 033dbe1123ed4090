"""Log lines: time, level, service, event, fields; the trace id opens the trace."""

import json
import zlib
from collections.abc import Sequence

from observability.boards import Answer, Panel
from observability.console import addresses
from observability.console.charts.view import View
from observability.console.markup import Markup, element, join, link
from observability.console.timerange import around, clock, moment
from observability.query import LogLine

_IDENTITY = frozenset(
    {
        "service_name",
        "service_namespace",
        "service_version",
        "deployment_environment_name",
        "level",
        "log_stream",
        "trace_id",
        "span_id",
        "flags",
        "severity_number",
        "severity_text",
        "observed_timestamp",
        "scope_name",
        "detected_level",
    }
)
_BESIDE = 5
_LONGEST = 300
#: Lines of a panel: each can be unfolded, so each is large.
_MOST = 100


def draw(panel: Panel, answers: Sequence[Answer], _view: View) -> Markup:
    """The newest lines, newest first."""
    found = [line for answer in answers for line in answer.lines]
    wanted = panel.options.get("displayedFields", [])
    more = element("p", f"The newest {_MOST} of {len(found)} lines.", class_="said")
    drawn = listed(found[:_MOST], panel.title, fields=wanted)
    return more + drawn if len(found) > _MOST else drawn


def listed(
    found: Sequence[LogLine], label: str, *, here: int | None = None, fields: Sequence[str] = ()
) -> Markup:
    """Lines as a list.

    Args:
        found: the lines, in order.
        label: what they are.
        here: the time of the one to point out.
        fields: those to show beside the event; some of all if none is named.
    """
    items = [row(line, pointed=line.at == here, fields=fields) for line in found]
    return element("ol", *items, class_="lines", aria_label=label, tabindex="0", role="list")


def row(line: LogLine, *, pointed: bool = False, fields: Sequence[str] = ()) -> Markup:
    """One line, folded, with these fields or some of them; opened it shows all."""
    level = line.fields.get("level", "info")
    at = line.at / 1e9
    service = line.fields.get("service_name", "")
    head = element(
        "summary",
        element("time", clock(at), title=f"{moment(at)} UTC"),
        " ",
        element("b", level, class_="level"),
        " ",
        element("span", service, class_="who"),
        " ",
        element("span", event(line.line), class_="event"),
        " ",
        element("span", _brief(line, fields), class_="fields"),
    )
    trace = (
        link(
            line.trace_id[:8],
            addresses.trace(line.trace_id, line.span_id),
            class_="trace",
            aria_label=f"trace {line.trace_id}",
        )
        if line.trace_id
        else Markup()
    )
    return element(
        "li",
        element("details", head, _all(line, at)),
        trace,
        class_=f"{level} here" if pointed else level,
        id=f"line-{line.at}",
        data_key=f"{line.at} {line.span_id or ''} {zlib.crc32(line.line.encode()):x}",
    )


def event(text: str) -> str:
    """What the line says: the event of a JSON line, else the line itself."""
    if text.startswith("{"):
        try:
            return str(json.loads(text).get("event", text))
        except ValueError:
            return text
    return text


def _brief(line: LogLine, wanted: Sequence[str]) -> str:
    own = [key for key in line.fields if key not in _IDENTITY and key != "service_instance_id"]
    names = [key for key in wanted if key in own] if wanted else own[:_BESIDE]
    return " ".join(f"{key}={line.fields[key][:60]}" for key in names)[:_LONGEST]


def _all(line: LogLine, at: float) -> Markup:
    pairs = join(
        join([element("dt", key), element("dd", _value(key, value))])
        for key, value in sorted(line.fields.items())
    )
    context = addresses.logs("", around(at, 60), at=str(line.at), **_stream(line))
    return element("div", link("Lines around it", context), element("dl", pairs), class_="whole")


def _stream(line: LogLine) -> dict[str, str]:
    service = line.fields.get("service_name", "")
    return {"service": service} if service else {}


def _value(key: str, value: str) -> object:
    if key in {"trace_id", "audit_trace"} and value:
        return link(value, addresses.trace(value))
    if key == "notification" and value.isdigit():
        return link(value, addresses.incident(value))
    return value
