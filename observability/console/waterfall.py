"""A trace as rows: a span under the one that caused it, on one axis of time."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from observability.query import LogLine, Span, Trace

WAIT = "messaging.message.wait_seconds"


@dataclass(frozen=True)
class Row:
    """A span in its place.

    Attributes:
        depth: how many spans stand above it.
        offset: from the trace's begin to the span's, as a share of the whole.
        width: how long it took, as a share of the whole.
        wait: seconds that its message lay in a queue before.
        lines: what was logged in it.
        lost: its parent is not in the trace.
    """

    span: Span
    depth: int
    offset: float
    width: float
    wait: float = 0.0
    wait_offset: float = 0.0
    wait_width: float = 0.0
    lines: Sequence[LogLine] = field(default_factory=tuple)
    lost: bool = False


def rows(trace: Trace, lines: Sequence[LogLine] = ()) -> list[Row]:
    """The rows of a trace from top to bottom."""
    begin = min(span.start - int(waited(span) * 1e9) for span in trace.spans)
    whole = max(1, max(span.end for span in trace.spans) - begin)
    logged: dict[str, list[LogLine]] = {}
    for line in sorted(lines, key=lambda one: one.at):
        logged.setdefault(line.span_id or "", []).append(line)
    known = {span.span_id for span in trace.spans}
    return [
        replace(
            _row(span, depth, begin, whole),
            lines=logged.get(span.span_id, ()),
            lost=span.parent_id is not None and span.parent_id not in known,
        )
        for span, depth in _ordered(trace)
    ]


def apart(trace: Trace, lines: Sequence[LogLine]) -> list[LogLine]:
    """Lines of the trace that belong to none of its spans."""
    known = {span.span_id for span in trace.spans}
    return [line for line in lines if line.span_id not in known]


def waited(span: Span) -> float:
    """Seconds that the message which a span processes lay in its queue."""
    found = span.attributes.get(WAIT)
    return max(0.0, float(found)) if isinstance(found, int | float) else 0.0


def _ordered(trace: Trace) -> list[tuple[Span, int]]:
    """Depth first, by start; a span whose parent is missing stands at the outside."""
    known = {span.span_id for span in trace.spans}
    children: dict[str | None, list[Span]] = {}
    for span in sorted(trace.spans, key=lambda one: one.start):
        children.setdefault(span.parent_id if span.parent_id in known else None, []).append(span)
    ordered: list[tuple[Span, int]] = []
    waiting = [(span, 0) for span in reversed(children.get(None, []))]
    while waiting:
        span, depth = waiting.pop()
        ordered.append((span, depth))
        waiting += [(child, depth + 1) for child in reversed(children.pop(span.span_id, []))]
    return ordered


def _row(span: Span, depth: int, begin: int, whole: int) -> Row:
    wait = waited(span)
    offset = (span.start - begin) / whole
    wait_width = wait * 1e9 / whole
    return Row(
        span=span,
        depth=depth,
        offset=offset,
        width=(span.end - span.start) / whole,
        wait=wait,
        wait_offset=max(0.0, offset - wait_width),
        wait_width=min(wait_width, offset),
    )
