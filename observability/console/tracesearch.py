"""What is searched for among traces, from an address, and how it is found."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from observability.boards import attributes, seconds
from observability.console.context import Context
from observability.console.timerange import TimeRange
from observability.query import Search, Trace

LIMIT = 20
_LEAST_EACH = 4
_TRACE_ID = re.compile(r"[0-9a-f]{32}$")


@dataclass(frozen=True)
class Wanted:
    """The fields of the search form; empty ones are not asked for."""

    service: str = ""
    operation: str = ""
    shortest: str = ""
    longest: str = ""
    errors: bool = False
    order: str = ""
    tags: str = ""

    @property
    def attributes(self) -> dict[str, str]:
        """Attributes that a span must have."""
        return attributes(self.tags) | ({"error": "true"} if self.errors else {})


@dataclass(frozen=True)
class Found:
    """Traces, newest first, and a word on how they were found."""

    traces: list[Trace] = field(default_factory=list)
    how: str = ""


def wanted(query: Mapping[str, str]) -> Wanted:
    """The search that an address asks for."""
    texts = ("service", "operation", "shortest", "longest", "order", "tags")
    given = {name: query.get(name, "").strip()[:300] for name in texts}
    return Wanted(errors=query.get("errors", "") in {"1", "true", "on"}, **given)


def trace_id(text: str) -> str | None:
    """A trace id, if that is what was typed."""
    plain = text.strip().lower()
    return plain if _TRACE_ID.match(plain) else None


async def find(context: Context, asked: Wanted, shown: TimeRange) -> Found:
    """The traces that match.

    Raises:
        BackendError: Jaeger or, for an order, Loki does not answer.
    """
    if asked.order:
        return await _of_order(context, asked.order, shown)
    services = [asked.service] if asked.service else await context.jaeger.services()
    each = max(_LEAST_EACH, LIMIT // max(1, len(services)))
    searches = [_search(one, asked, shown, LIMIT if asked.service else each) for one in services]
    answers = await asyncio.gather(*(context.jaeger.search(one) for one in searches))
    return Found(_newest([trace for answer in answers for trace in answer]))


async def _of_order(context: Context, order: str, shown: TimeRange) -> Found:
    """Spans carry few attributes, log lines carry the order: they name its traces."""
    span = shown.span()
    query = f'{{service_name=~".+"}} | order_id={json.dumps(order)} | trace_id!=""'
    lines = await context.loki.lines(query, span.start, span.end, limit=500)
    if not lines:
        audited = f'{{log_stream="audit"}} | audit_target=~{json.dumps(f".*{re.escape(order)}.*")}'
        lines = await context.loki.lines(audited, span.start, span.end, limit=100)
    named = [line.trace_id for line in lines if line.trace_id]
    # An order's id may look as a trace's does: what was typed is tried as both.
    typed = trace_id(order)
    ids = list(dict.fromkeys([*([typed] if typed else []), *named]))[:LIMIT]
    traces = await asyncio.gather(*(context.jaeger.trace(one) for one in ids))
    how = f"{len(lines)} log lines name this order." if lines else ""
    return Found(_newest([one for one in traces if one]), how)


def _search(service: str, asked: Wanted, shown: TimeRange, limit: int) -> Search:
    span = shown.span()
    return Search(
        service=service,
        start=span.start,
        end=span.end,
        operation=asked.operation or None,
        attributes=asked.attributes,
        shortest=seconds(asked.shortest),
        longest=seconds(asked.longest),
        limit=limit,
    )


def _newest(traces: list[Trace]) -> list[Trace]:
    unique = {one.trace_id: one for one in traces}
    return sorted(unique.values(), key=lambda one: one.root.start, reverse=True)[:LIMIT]
