"""Whether traces and logs tell of what a drill has done."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

from observability.proof.drill.model import Scenario, TraceWanted
from observability.query import BackendError, Jaeger, Loki, Search, Span, Trace

_PAUSE_SECONDS = 1.0
_TRACES = 100
_HTTP_ERROR = 500


class Evidence:
    """Looks for what a scenario says must be seen.

    Args:
        jaeger: has the traces.
        loki: has the log lines.
    """

    def __init__(self, jaeger: Jaeger, loki: Loki) -> None:
        self._jaeger = jaeger
        self._loki = loki

    async def gather(
        self, scenario: Scenario, since: float, within: float
    ) -> tuple[list[str], list[str]]:
        """What was found and what was not, asked for until it is there.

        Args:
            scenario: says what must be seen.
            since: unix seconds from when on.
            within: seconds to wait at most.
        """
        found: list[str] = []
        missing: list[str] = []
        if scenario.trace is not None:
            wanted = scenario.trace
            seen = await _eventually(partial(self._trace, wanted, since), within)
            (found if seen else missing).append(seen or f"no trace: {_said(wanted)}")
        for query in scenario.logs:
            seen = await _eventually(partial(self._line, query, since), within)
            (found if seen else missing).append(seen or f"no log line: {query}")
        return found, missing

    async def _trace(self, wanted: TraceWanted, since: float) -> str | None:
        search = Search(
            wanted.service,
            since,
            time.time(),
            shortest=wanted.longer_than or None,
            limit=_TRACES,
        )
        for trace in await self._jaeger.search(search):
            if span := shown_by(trace, wanted):
                return _told(trace, span)
        return None

    async def _line(self, query: str, since: float) -> str | None:
        lines = await self._loki.lines(query, since, time.time() + 1, limit=1)
        if not lines:
            return None
        return f"log {lines[0].fields.get('service_name', '')}: {lines[0].line[:80]}"


async def _eventually(ask: Callable[[], Awaitable[str | None]], within: float) -> str | None:
    deadline = time.monotonic() + within
    while True:
        try:
            answer = await ask()
        except BackendError:
            answer = None
        if answer or time.monotonic() > deadline:
            return answer
        await asyncio.sleep(_PAUSE_SECONDS)


def shown_by(trace: Trace, wanted: TraceWanted) -> Span | None:
    """The first span of a trace that is as a scenario wants one."""
    if wanted.without in {one.service for one in trace.spans}:
        return None
    return next((one for one in trace.spans if _shows(one, wanted)), None)


def _shows(span: Span, wanted: TraceWanted) -> bool:
    return (
        span.service == wanted.service
        and span.seconds >= wanted.longer_than
        and wanted.name in span.name
        and (not wanted.error or _failed(span))
        and (wanted.status is None or _status(span) == wanted.status)
        and _waited(span) >= wanted.waited
    )


def _failed(span: Span) -> bool:
    status = _status(span)
    return span.error or (isinstance(status, int) and status >= _HTTP_ERROR)


def _status(span: Span) -> object:
    return span.attributes.get("http.response.status_code")


def _waited(span: Span) -> float:
    seconds = span.attributes.get("messaging.message.wait_seconds")
    return float(seconds) if isinstance(seconds, int | float) else 0.0


def _told(trace: Trace, span: Span) -> str:
    ended = " failed" if _failed(span) else ""
    return f"trace {trace.trace_id}: {span.service} {span.name}{ended} after {span.seconds:.3f} s"


def _said(wanted: TraceWanted) -> str:
    parts = [f"a span of {wanted.service}"]
    if wanted.name:
        parts.append(f"named {wanted.name}")
    if wanted.error:
        parts.append("that failed")
    if wanted.status:
        parts.append(f"answered {wanted.status}")
    if wanted.waited:
        parts.append(f"whose message waited {wanted.waited:g} s or longer")
    if wanted.without:
        parts.append(f"without any of {wanted.without}")
    if wanted.longer_than:
        parts.append(f"of {wanted.longer_than:g} s or longer")
    return " ".join(parts)
