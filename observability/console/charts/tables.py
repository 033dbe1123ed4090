"""Tables: samples as rows, joined and named by the dashboard's transformations; traces as rows."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from observability.boards import Answer, Panel
from observability.console import addresses, units
from observability.console.charts import fields
from observability.console.charts.stat import value_text
from observability.console.charts.view import View
from observability.console.markup import Markup, element, join, link, table
from observability.console.timerange import moment
from observability.query import Trace

Json = dict[str, Any]
Row = dict[str, str | float]
_MOST = 200


def draw(panel: Panel, answers: Sequence[Answer], view: View) -> Markup:
    """The rows that the queries answer with."""
    traces = [trace for answer in answers for trace in answer.traces]
    if traces:
        return traces_table(traces, panel.title)
    columns, rows = arranged(panel, merged(answers))
    cells = [[_cell(panel, name, row, view) for name in columns] for row in rows[:_MOST]]
    return table(columns, cells, panel.title)


def merged(answers: Sequence[Answer]) -> list[Row]:
    """One row a set of labels; the values of the queries beside each other."""
    single = sum(bool(answer.series) for answer in answers) <= 1 and len(answers) == 1
    rows: dict[tuple[tuple[str, str], ...], Row] = {}
    for answer in answers:
        column = "Value" if single else f"Value #{answer.target.ref}"
        for series in answer.series:
            if not series.points:
                continue
            labels = {k: v for k, v in series.labels.items() if k != "__name__"}
            row = rows.setdefault(tuple(sorted(labels.items())), dict(labels))
            row[column] = series.points[-1][1]
    return list(rows.values())


def arranged(panel: Panel, rows: list[Row]) -> tuple[list[str], list[Row]]:
    """Columns in the order and by the names that the dashboard gives them, sorted as it says."""
    options: Json = {}
    for one in panel.raw.get("transformations", []):
        if one.get("id") == "organize":
            options = one.get("options", {})
    hidden = {name for name, gone in options.get("excludeByName", {}).items() if gone}
    order: Mapping[str, int] = options.get("indexByName", {})
    renamed: Mapping[str, str] = options.get("renameByName", {})
    found = dict.fromkeys(name for row in rows for name in row if name not in hidden)
    columns = sorted(found, key=lambda name: (order.get(name, len(order)), name))
    shown = [
        {renamed.get(name) or name: row[name] for name in columns if name in row} for row in rows
    ]
    for sort in reversed(panel.options.get("sortBy", [])):
        shown.sort(key=_by(sort["displayName"]), reverse=bool(sort.get("desc")))
    return [renamed.get(name) or name for name in columns], shown


def traces_table(traces: Sequence[Trace], caption: str) -> Markup:
    """Traces, one a row."""
    headings = ["Started", "Trace", "Service", "Took", "Spans", "Errors"]
    return table(headings, [_trace_row(one) for one in traces], caption, class_="traces")


def _trace_row(one: Trace) -> list[object]:
    errors: object = element("span", one.errors, class_="bad") if one.errors else "0"
    root = one.root
    return [
        moment(root.start / 1e9),
        link(root.name, addresses.trace(one.trace_id)),
        link(root.service, addresses.service(root.service)),
        units.duration(one.seconds),
        len(one.spans),
        errors,
    ]


def _by(column: str) -> Callable[[Row], tuple[bool, float, str]]:
    def key(row: Row) -> tuple[bool, float, str]:
        value = row.get(column)
        if isinstance(value, float) and not math.isnan(value):
            return True, value, ""
        return False, 0.0, "" if isinstance(value, float) else str(value or "")

    return key


def _cell(panel: Panel, name: str, row: Row, view: View) -> Markup:
    value = row.get(name)
    field = fields.settings(panel, name)
    text, shade = value_text(field, value) if isinstance(value, float) else (str(value or ""), None)
    coloured = "color" in str(field.get("custom.cellOptions", "")) or "mappings" in field
    known = {"__value.text": text, "__value.raw": text} | {
        f"__data.fields.{key}": str(other) for key, other in row.items()
    }
    links = fields.overrides(panel, name).get("links", []) if text else []
    inner: list[object] = [text]
    for number, one in enumerate(links):
        to = addresses.with_values(one["url"], known, view.shown, view.chosen)
        inner = [link(text, to)] if number == 0 else [*inner, " ", _small(one["title"], to)]
    style = f"--shade:{shade}" if shade and coloured else None
    return element("span", join(inner), class_="shaded" if style else None, style=style)


def _small(title: str, to: str) -> Markup:
    return link(title.lower(), to, class_="more")
