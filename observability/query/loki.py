"""What is read here of Loki's HTTP API.

Source: https://grafana.com/docs/loki/latest/reference/loki-http-api/.
"""

from dataclasses import dataclass
from typing import Any, Literal

import httpx

from observability.query.api import Api
from observability.query.prometheus import Sample, Series

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class LogLine:
    """One line: when (unix nanoseconds), its text, and its labels with structured metadata."""

    at: int
    line: str
    fields: dict[str, str]

    @property
    def trace_id(self) -> str | None:
        """The trace in which it was logged."""
        return self.fields.get("trace_id")

    @property
    def span_id(self) -> str | None:
        """The span in which it was logged."""
        return self.fields.get("span_id")


class Loki:
    """Reads log lines and what LogQL counts in them. Times in unix seconds."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._api = Api(http, "Loki", "/loki/api/v1")

    async def lines(
        self,
        query: str,
        start: float,
        end: float,
        *,
        limit: int = 200,
        direction: Literal["backward", "forward"] = "backward",
    ) -> list[LogLine]:
        """Lines that a log query selects, at most `limit`, newest first unless told otherwise."""
        result = await self._range(query, start, end, limit=limit, direction=direction)
        lines = [
            LogLine(int(value[0]), value[1], stream["stream"])
            for stream in result
            for value in stream["values"]
        ]
        return sorted(lines, key=lambda line: line.at, reverse=direction == "backward")

    async def metric(self, query: str, start: float, end: float, step: float) -> list[Series]:
        """A metric query over a range; step in seconds."""
        result = await self._range(query, start, end, step=step)
        return [
            Series(one["metric"], [(float(at), float(value)) for at, value in one["values"]])
            for one in result
        ]

    async def instant(self, query: str, at: float) -> list[Sample]:
        """A metric query at one moment."""
        answer = await self._api.get("query", query=query, time=_nanoseconds(at))
        return [Sample(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]

    async def label_names(self, start: float, end: float) -> list[str]:
        """Stream labels in use."""
        answer = await self._api.get("labels", start=_nanoseconds(start), end=_nanoseconds(end))
        names: list[str] = answer.get("data") or []
        return names

    async def label_values(self, label: str, start: float, end: float) -> list[str]:
        """Values of a stream label."""
        answer = await self._api.get(
            f"label/{label}/values", start=_nanoseconds(start), end=_nanoseconds(end)
        )
        values: list[str] = answer.get("data") or []
        return values

    async def _range(self, query: str, start: float, end: float, **more: Any) -> Any:
        answer = await self._api.get(
            "query_range", query=query, start=_nanoseconds(start), end=_nanoseconds(end), **more
        )
        return answer["data"]["result"]


def _nanoseconds(seconds: float) -> int:
    return int(seconds * NANOSECONDS)
