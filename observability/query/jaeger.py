"""What is read here of Jaeger's query API v3: OTLP traces as JSON.

Source: https://www.jaegertracing.io/docs/latest/architecture/apis/. Its HTTP form cannot search by
attribute, so such a search asks the API of Jaeger's own pages for the trace ids.
"""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from observability.query.api import Api, BackendError
from observability.query.prometheus import Series

Value = str | int | float | bool | list[Any] | None

#: `kind` and `status.code` of OTLP as words, by their number.
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_ERROR = 2


@dataclass(frozen=True)
class SpanEvent:
    """Something that happened within a span: an exception, mostly. `at` in unix nanoseconds."""

    name: str
    at: int
    attributes: dict[str, Value]


@dataclass(frozen=True)
class Link:
    """A span that another points to without being its child."""

    trace_id: str
    span_id: str


@dataclass(frozen=True)
class Span:
    """One span; `start` and `end` in unix nanoseconds."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: str
    start: int
    end: int
    error: bool
    status_message: str
    attributes: dict[str, Value]
    resource: dict[str, Value]
    events: list[SpanEvent] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)

    @property
    def service(self) -> str:
        """The service that made it."""
        return str(self.resource.get("service.name", "unknown"))

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.end - self.start) / 1e9


@dataclass(frozen=True)
class Trace:
    """The spans of one trace, by start."""

    trace_id: str
    spans: list[Span]

    @property
    def root(self) -> Span:
        """The span without a parent in the trace; the earliest of several."""
        known = {span.span_id for span in self.spans}
        return next((s for s in self.spans if s.parent_id not in known), self.spans[0])

    @property
    def services(self) -> set[str]:
        """Services that took part."""
        return {span.service for span in self.spans}

    @property
    def seconds(self) -> float:
        """From the first span's start to the last one's end."""
        return (max(s.end for s in self.spans) - min(s.start for s in self.spans)) / 1e9

    @property
    def errors(self) -> int:
        """How many spans ended in an error."""
        return sum(span.error for span in self.spans)


@dataclass(frozen=True)
class Search:
    """Which traces to look for; times in unix seconds, durations in seconds."""

    service: str
    start: float
    end: float
    operation: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    shortest: float | None = None
    longest: float | None = None
    limit: int = 20


class Jaeger:
    """Reads traces."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._api = Api(http, "Jaeger", "/api/v3")
        self._pages = Api(http, "Jaeger", "/api")

    async def trace(self, trace_id: str) -> Trace | None:
        """One whole trace; None if Jaeger has none by that id."""
        try:
            answer = await self._api.get(f"traces/{trace_id}")
        except BackendError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise
        traces = _traces(answer)
        return traces[0] if traces else None

    async def search(self, search: Search) -> list[Trace]:
        """Traces that match, newest first."""
        if search.attributes:
            ids = await self._ids(search)
            traces = await asyncio.gather(*(self.trace(trace_id) for trace_id in ids))
            found = [trace for trace in traces if trace]
        else:
            found = _traces(await self._found(search))
        return sorted(found, key=lambda trace: trace.root.start, reverse=True)

    async def _found(self, search: Search) -> dict[str, Any] | None:
        """The answer to a search; Jaeger says 404 where there is no such trace."""
        try:
            answer: dict[str, Any] = await self._api.get("traces", **_parameters(search))
        except BackendError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise
        return answer

    async def services(self) -> list[str]:
        """Names of the services that sent spans."""
        answer = await self._api.get("services")
        return sorted(answer.get("services") or [])

    async def operations(self, service: str) -> list[str]:
        """Span names of a service."""
        answer = await self._api.get("operations", service=service)
        return sorted({one["name"] for one in answer.get("operations") or []})

    async def dependencies(self, start: float, end: float) -> list[Series]:
        """How often each service called each other, as Jaeger's pages show it.

        Returns:
            One series an edge, labels `parent` and `child`, with a single point: the calls.
        """
        answer = await self._pages.get(
            "dependencies", endTs=int(end * 1000), lookback=int((end - start) * 1000)
        )
        return [
            Series(
                {"parent": edge["parent"], "child": edge["child"]},
                [(end, float(edge["callCount"]))],
            )
            for edge in answer.get("data") or []
        ]

    async def _ids(self, search: Search) -> list[str]:
        answer = await self._pages.get(
            "traces",
            service=search.service,
            operation=search.operation,
            tags=json.dumps(search.attributes),
            start=int(search.start * 1e6),
            end=int(search.end * 1e6),
            minDuration=_duration(search.shortest),
            maxDuration=_duration(search.longest),
            limit=search.limit,
        )
        return [one["traceID"] for one in answer.get("data") or []]


def _parameters(search: Search) -> dict[str, Any]:
    return {
        "query.service_name": search.service,
        "query.start_time_min": _rfc3339(search.start),
        "query.start_time_max": _rfc3339(search.end),
        "query.num_traces": search.limit,
        "query.operation_name": search.operation,
        "query.duration_min": _duration(search.shortest),
        "query.duration_max": _duration(search.longest),
    }


def _duration(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds}s"


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _traces(answer: dict[str, Any] | None) -> list[Trace]:
    by_id: dict[str, list[Span]] = {}
    for span in _spans((answer or {}).get("result", {}).get("resourceSpans", [])):
        by_id.setdefault(span.trace_id, []).append(span)
    return [
        Trace(trace_id, sorted(spans, key=lambda span: span.start))
        for trace_id, spans in by_id.items()
    ]


def _spans(resource_spans: Iterable[dict[str, Any]]) -> Iterable[Span]:
    for one in resource_spans:
        resource = _attributes(one.get("resource", {}).get("attributes"))
        for scope in one.get("scopeSpans", []):
            for span in scope.get("spans", []):
                yield _span(span, resource)


def _span(one: dict[str, Any], resource: dict[str, Value]) -> Span:
    status = one.get("status", {})
    return Span(
        trace_id=one["traceId"],
        span_id=one["spanId"],
        parent_id=one.get("parentSpanId") or None,
        name=one["name"],
        kind=KINDS[int(one.get("kind", 0))],
        start=int(one["startTimeUnixNano"]),
        end=int(one["endTimeUnixNano"]),
        error=status.get("code") == _ERROR,
        status_message=status.get("message", ""),
        attributes=_attributes(one.get("attributes")),
        resource=resource,
        events=[
            SpanEvent(e["name"], int(e["timeUnixNano"]), _attributes(e.get("attributes")))
            for e in one.get("events", [])
        ],
        links=[Link(link["traceId"], link["spanId"]) for link in one.get("links", [])],
    )


def _attributes(pairs: list[dict[str, Any]] | None) -> dict[str, Value]:
    return {pair["key"]: _value(pair.get("value", {})) for pair in pairs or []}


def _value(value: dict[str, Any]) -> Value:
    """A value of OTLP's JSON mapping, in which 64-bit integers are strings."""
    if "intValue" in value:
        return int(value["intValue"])
    if "arrayValue" in value:
        return [_value(one) for one in value["arrayValue"].get("values", [])]
    known = ("stringValue", "boolValue", "doubleValue", "bytesValue")
    return next((value[key] for key in known if key in value), None)
