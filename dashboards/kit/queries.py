"""What a panel asks, and whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

Json = dict[str, Any]

PROMETHEUS: Json = {"type": "prometheus", "uid": "prometheus"}
LOKI: Json = {"type": "loki", "uid": "loki"}
JAEGER: Json = {"type": "jaeger", "uid": "jaeger"}
GRAFANA: Json = {"type": "grafana", "uid": "-- Grafana --"}


class Query(Protocol):
    """Anything that can be written as a panel's target."""

    @property
    def datasource(self) -> Json:
        """The data source that answers it."""

    def target(self, ref: str) -> Json:
        """The target as Grafana stores it, under the letter `ref`."""


@dataclass(frozen=True)
class Prom:
    """PromQL. `exemplar` asks for the traces behind the figures too."""

    expr: str
    legend: str = "__auto"
    instant: bool = False
    exemplar: bool = False
    format: Literal["time_series", "table", "heatmap"] = "time_series"

    @property
    def datasource(self) -> Json:
        """Prometheus."""
        return PROMETHEUS

    def target(self, ref: str) -> Json:
        """The target as Grafana stores it."""
        return {
            "refId": ref,
            "datasource": PROMETHEUS,
            "editorMode": "code",
            "expr": self.expr,
            "format": self.format,
            "legendFormat": self.legend,
            "instant": self.instant,
            "range": not self.instant,
            "exemplar": self.exemplar,
        }


@dataclass(frozen=True)
class Loki:
    """LogQL."""

    expr: str
    legend: str = ""
    instant: bool = False
    max_lines: int = 500

    @property
    def datasource(self) -> Json:
        """Loki."""
        return LOKI

    def target(self, ref: str) -> Json:
        """The target as Grafana stores it."""
        return {
            "refId": ref,
            "datasource": LOKI,
            "editorMode": "code",
            "expr": self.expr,
            "legendFormat": self.legend,
            "queryType": "instant" if self.instant else "range",
            "maxLines": self.max_lines,
        }


@dataclass(frozen=True)
class TraceSearch:
    """Traces of a service: by operation, tags (`error=true`) and least duration (`500ms`)."""

    service: str
    operation: str = ""
    tags: str = ""
    min_duration: str = ""
    limit: int = 20

    @property
    def datasource(self) -> Json:
        """Jaeger."""
        return JAEGER

    def target(self, ref: str) -> Json:
        """The target as Grafana stores it."""
        wanted = {
            "operation": self.operation,
            "tags": self.tags,
            "minDuration": self.min_duration,
        }
        return {
            "refId": ref,
            "datasource": JAEGER,
            "queryType": "search",
            "service": self.service,
            "limit": self.limit,
        } | {name: value for name, value in wanted.items() if value}


@dataclass(frozen=True)
class ServiceMap:
    """Who calls whom, as Jaeger saw it in its traces."""

    @property
    def datasource(self) -> Json:
        """Jaeger."""
        return JAEGER

    def target(self, ref: str) -> Json:
        """The target as Grafana stores it."""
        return {"refId": ref, "datasource": JAEGER, "queryType": "dependencyGraph"}
