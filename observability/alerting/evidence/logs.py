"""The log lines of the telling traces: warnings and errors first."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from observability.alerting.evidence.asking import Asking
from observability.alerting.evidence.model import LogEvidence, TraceEvidence
from observability.alerting.evidence.subject import Subject, alternatives
from observability.query import LogLine

SHOWN = 20
_ASKED = 200
_LINE = 400
_FIELDS = 12
_VALUE = 200
_AROUND_SECONDS = 60.0
# one a request, which the trace tells as well
_SUMMARY = "request_finished"
_SEVERE = {"critical": 0, "error": 0, "warning": 1}
# who, where and when stand elsewhere
_PLAIN = re.compile(
    r"(service|deployment|telemetry|observed|severity|detected|flags|log_stream|level|scope)(_|$)"
    r"|(trace|span)_id$"
)
_PRIVATE = re.compile(r"passw|secret|token|authori[sz]|cookie|card|e_?mail|session", re.IGNORECASE)


async def logs(subject: Subject, found: list[TraceEvidence], asking: Asking) -> list[LogEvidence]:
    """At most twenty lines of these traces; without any, the services' own warnings and errors."""
    lines: list[LogLine] = []
    if found:
        ids = alternatives(tuple(trace.trace_id for trace in found))
        earliest = min(trace.at.timestamp() for trace in found) - _AROUND_SECONDS
        query = f'{{service_name=~".+",log_stream="app"}} | trace_id=~{ids}'
        lines = await asking.ask(
            "Loki",
            lambda: asking.loki.lines(query, earliest, subject.end + 1, limit=_ASKED),
        )
    if not lines and subject.services:
        matchers = subject.matchers()
        query = f'{{{matchers},log_stream="app",level=~"warning|error|critical"}}'
        lines = await asking.ask(
            "Loki",
            lambda: asking.loki.lines(query, subject.close, subject.end + 1, limit=SHOWN),
        )
    return [_told(line) for line in sorted(lines, key=_telling)[:SHOWN]]


def _telling(line: LogLine) -> tuple[int, bool, int]:
    """The severest first; of these, what the service says itself before the library's summary."""
    return _SEVERE.get(_level(line), 2), line.line == _SUMMARY, -line.at


def _level(line: LogLine) -> str:
    return line.fields.get("level", "")


def _told(line: LogLine) -> LogEvidence:
    kept = [(name, text) for name, text in line.fields.items() if not _PLAIN.match(name)]
    return LogEvidence(
        at=datetime.fromtimestamp(line.at / 1e9, UTC),
        level=_level(line),
        service=line.fields.get("service_name", ""),
        event=line.line[:_LINE],
        trace_id=line.trace_id or "",
        # what is sent to mail and chat leaves the house
        fields={
            name: "[hidden]" if _PRIVATE.search(name) else text[:_VALUE]
            for name, text in kept[:_FIELDS]
        },
    )
