"""A dashboard: rows of panels, placed without gap or overlap."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dashboards.kit import links
from dashboards.kit.model import Panel
from dashboards.kit.promql import series
from dashboards.kit.queries import GRAFANA, PROMETHEUS, Json
from dashboards.kit.variables import Variable

_COLUMNS = 24
_SCHEMA_VERSION = 42


class LayoutError(ValueError):
    """Panels of a row do not fill its lines."""


@dataclass(frozen=True)
class Row:
    """Panels under one heading; line after line is filled from the left."""

    title: str
    panels: Sequence[Panel]
    collapsed: bool = False

    def lines(self) -> Iterator[list[Panel]]:
        """Panels that stand side by side.

        Raises:
            LayoutError: The row is empty, a line is not full, or its panels differ in height.
        """
        line: list[Panel] = []
        for panel in self.panels:
            line.append(panel)
            width = sum(one.size[0] for one in line)
            if width > _COLUMNS:
                raise LayoutError(f"row {self.title!r}: {panel.title!r} reaches over the edge")
            if width == _COLUMNS:
                if len({one.size[1] for one in line}) > 1:
                    raise LayoutError(f"row {self.title!r}: heights differ beside {panel.title!r}")
                yield line
                line = []
        if line or not self.panels:
            raise LayoutError(f"row {self.title!r}: its last line is not full")


@dataclass(frozen=True)
class Dashboard:
    """A page of rows.

    Attributes:
        uid: Its address; also the name of its file.
        title: What the reader sees.
        description: The question that it answers.
        variables: What the reader may choose.
        rows: From the most to the least important.
        span: How far back it looks at first, as `30m`.
    """

    uid: str
    title: str
    description: str
    variables: Sequence[Variable]
    rows: Sequence[Row]
    span: str = "30m"

    def to_json(self) -> Json:
        """The dashboard in Grafana's classic format."""
        return {
            # Grafana gives it one; which dashboard it is, the uid says
            "id": None,
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [links.TAG],
            "schemaVersion": _SCHEMA_VERSION,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "timezone": "browser",
            "time": {"from": f"now-{self.span}", "to": "now"},
            "refresh": "10s",
            "timepicker": {"refresh_intervals": ["5s", "10s", "30s", "1m", "5m"]},
            "templating": {"list": [variable.to_json() for variable in self.variables]},
            "annotations": {"list": _annotations({one.name for one in self.variables})},
            "links": [
                links.dashboards(),
                links.page("Traces", "request-flow"),
                links.page("Logs", "logs"),
            ],
            "panels": self._placed(),
        }

    def text(self) -> str:
        """The file's whole text."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"

    def _placed(self) -> list[Json]:
        placed: list[Json] = []
        number, y = 1, 0
        for row in self.rows:
            heading = _heading(row, number, y)
            number, y = number + 1, y + 1
            inside: list[Json] = []
            for line in row.lines():
                x = 0
                for panel in line:
                    inside.append(panel.to_json(number, x, y))
                    number, x = number + 1, x + panel.size[0]
                y += line[0].size[1]
            if row.collapsed:
                heading["panels"] = inside
                y = heading["gridPos"]["y"] + 1
                placed.append(heading)
            else:
                placed += [heading, *inside]
        return placed


def _heading(row: Row, number: int, y: int) -> Json:
    return {
        "id": number,
        "type": "row",
        "title": row.title,
        "collapsed": row.collapsed,
        "gridPos": {"x": 0, "y": y, "w": _COLUMNS, "h": 1},
        "panels": [],
    }


def _annotations(variables: set[str]) -> list[Json]:
    """Marks in every graph: alerts, faults, starts of processes, and deploys as they are seen."""
    matchers = [
        matcher
        for variable, matcher in (
            ("service", 'service_name=~"$service|"'),
            ("environment", 'deployment_environment_name=~"$environment|"'),
        )
        if variable in variables
    ]
    firing = ",".join(['alertstate="firing"', 'alertname!="Watchdog"', *matchers])
    started = ",".join(['job="services"', *matchers])
    faults = series("service_fault_value", *matchers)
    return [
        _from_prometheus(
            "Alerts",
            "red",
            f"ALERTS{{{firing}}}",
            title="{{alertname}}",
            text="{{service_name}}{{messaging_destination_name}} ({{severity}})",
        ),
        _from_prometheus(
            "Faults",
            "purple",
            # a mark is where the answer is exactly 1
            f"max by (service_name, fault) ({faults} > bool 0) == 1",
            title="{{fault}} of {{service_name}}",
            text="set on purpose",
        ),
        _from_prometheus(
            "Starts",
            "blue",
            f"process_start_time_seconds{{{started}}} * 1000",
            title="{{instance}} started",
            text="{{service_name}}",
        )
        | {"useValueForTime": "on"},
        {
            "name": "Deploys",
            "datasource": GRAFANA,
            "enable": True,
            "hide": False,
            "iconColor": "green",
            "target": {"type": "tags", "tags": [links.TAG], "matchAny": True, "limit": 100},
        },
    ]


def _from_prometheus(name: str, colour: str, expr: str, *, title: str, text: str) -> Json:
    return {
        "name": name,
        "datasource": PROMETHEUS,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "target": {"refId": "Anno", "expr": expr, "interval": "10s"},
        "titleFormat": title,
        "textFormat": text,
    }
