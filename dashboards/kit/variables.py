"""What a reader may choose at the top of a dashboard."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.kit.queries import PROMETHEUS, Json

_ALL = "$__all"


@dataclass(frozen=True)
class LabelValues:
    """A choice among the values a label has in a series.

    `many` allows several and all of them. `every` is the pattern for all: `.*` also matches series
    without the label; Loki wants one label of a query to be there, so a service is `.+`.
    """

    name: str
    label: str
    series: str
    of: str
    many: bool = True
    every: str = ".*"

    def to_json(self) -> Json:
        """The variable as Grafana stores it."""
        query = f"label_values({self.series}, {self.of})"
        current = {"selected": True, "text": ["All"], "value": [_ALL]} if self.many else {}
        return {
            "name": self.name,
            "label": self.label,
            "type": "query",
            "datasource": PROMETHEUS,
            "definition": query,
            "query": {"query": query, "refId": f"variable-{self.name}"},
            "refresh": 2,
            "sort": 1,
            "regex": "",
            "multi": self.many,
            "includeAll": self.many,
            "allValue": self.every if self.many else None,
            "current": current,
            "options": [],
            "hide": 0,
            "skipUrlSync": False,
        }


@dataclass(frozen=True)
class Interval:
    """Over how long rates are taken; at first as long as fits the time shown.

    `parts` is into how many that time is divided then. A graph has more points than that, so that
    no sample between two of them is left out.
    """

    name: str = "interval"
    choices: tuple[str, ...] = ("30s", "1m", "5m", "15m", "1h")
    parts: int = 100
    least: str = "1m"

    def to_json(self) -> Json:
        """The variable as Grafana stores it."""
        auto = {"selected": True, "text": "auto", "value": f"$__auto_interval_{self.name}"}
        rest = [{"selected": False, "text": one, "value": one} for one in self.choices]
        return {
            "name": self.name,
            "label": "Interval",
            "type": "interval",
            "query": ",".join(self.choices),
            "auto": True,
            "auto_count": self.parts,
            "auto_min": self.least,
            "current": auto,
            "options": [auto, *rest],
            "refresh": 2,
            "hide": 0,
            "skipUrlSync": False,
        }


@dataclass(frozen=True)
class Text:
    """Something to type; empty at first."""

    name: str
    label: str
    default: str = ""

    def to_json(self) -> Json:
        """The variable as Grafana stores it."""
        return {
            "name": self.name,
            "label": self.label,
            "type": "textbox",
            "query": self.default,
            "current": {"selected": True, "text": self.default, "value": self.default},
            "options": [{"selected": True, "text": self.default, "value": self.default}],
            "hide": 0,
            "skipUrlSync": False,
        }


@dataclass(frozen=True)
class Choice:
    """One or several of a fixed list; all of them at first."""

    name: str
    label: str
    choices: tuple[str, ...]

    def to_json(self) -> Json:
        """The variable as Grafana stores it."""
        every = {"selected": True, "text": "All", "value": _ALL}
        rest = [{"selected": False, "text": one, "value": one} for one in self.choices]
        return {
            "name": self.name,
            "label": self.label,
            "type": "custom",
            "query": ",".join(self.choices),
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"selected": True, "text": ["All"], "value": [_ALL]},
            "options": [every, *rest],
            "hide": 0,
            "skipUrlSync": False,
        }


Variable = LabelValues | Interval | Text | Choice

ENVIRONMENT = LabelValues(
    "environment", "Environment", 'up{job="services"}', "deployment_environment_name"
)
SERVICES = LabelValues(
    "service",
    "Service",
    'up{job="services",deployment_environment_name=~"$environment"}',
    "service_name",
    every=".+",
)
ONE_SERVICE = LabelValues(
    "service",
    "Service",
    'up{job="services",deployment_environment_name=~"$environment"}',
    "service_name",
    many=False,
)
INSTANCES = LabelValues(
    "instance", "Replica", 'up{job="services",service_name=~"$service"}', "instance"
)
INTERVAL = Interval()
