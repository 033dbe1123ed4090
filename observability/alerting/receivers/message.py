"""A message to a receiver, and what of it every kind of receiver says alike."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from observability.alerting.evidence.chart import sparkline
from observability.alerting.evidence.model import Change, Evidence, LogEvidence, TraceEvidence
from observability.alerting.evidence.units import human
from observability.alerting.notifications import Notification
from observability.alerting.webhook import Status

FIGURE = "Figure"
"""Heading of the part that a chart belongs to."""
_LINES = 10
_ALERTS = 20


@dataclass(frozen=True)
class Message:
    """One incident began, grew or ended: the alerts that are new in it, with their evidence.

    `incident` is Alertmanager's group; `evidence` that of the first alert, None if it has ended.
    """

    incident: str
    status: Status
    alerts: list[Notification]
    evidence: Evidence | None

    @property
    def key(self) -> str:
        """The same for all messages of an incident."""
        return hashlib.sha256(self.incident.encode()).hexdigest()[:32]

    @property
    def first(self) -> Notification:
        """The alert that speaks for the others."""
        return self.alerts[0]

    @property
    def title(self) -> str:
        """One line: `CRITICAL checkout is down (+2)`."""
        state = "RESOLVED" if self.status == "resolved" else self.first.severity.upper()
        more = f" (+{len(self.alerts) - 1})" if len(self.alerts) > 1 else ""
        return f"{state} {self.first.summary or self.first.name}{more}"[:250].strip()


def text(message: Message) -> str:
    """The whole message as plain text, readable without any markup."""
    one, found = message.first, message.evidence
    parts = [one.description] if one.description else []
    others = [f"- {other.summary or other.name}" for other in message.alerts[1:_ALERTS]]
    if others:
        parts.append("\n".join(["Also:", *others]))
    if message.status == "resolved":
        if one.ends_at:
            lasted = human((one.ends_at - one.starts_at).total_seconds(), "seconds")
            parts.append(f"It lasted {lasted}.")
    elif found is not None:
        parts += sections(found)
    return "\n\n".join(parts)


@dataclass(frozen=True)
class Line:
    """One line of the evidence.

    Attributes:
        text: for people.
        to: the address that it names, if it does.
        trace: id of the trace that it is about, if it is about one.
        kind: level of a log line, kind of a change.
    """

    text: str
    to: str = ""
    trace: str = ""
    kind: str = ""


def parts(found: Evidence) -> list[tuple[str, list[Line]]]:
    """The evidence by its headings; one under which there is nothing is left out."""
    titled = [
        (FIGURE, [Line(text) for text in figure_lines(found)]),
        ("Traces", [line for one in found.traces for line in _of_trace(one)]),
        ("Log", [Line(log_line(e), trace=e.trace_id, kind=e.level) for e in found.logs[:_LINES]]),
        ("Changed lately", [Line(change_line(one), kind=one.kind) for one in found.changes]),
        ("Look", [Line(name, to=address) for name, address in ways(found)]),
        ("Missing from this evidence", [Line(text) for text in found.missing]),
    ]
    return [(title, lines) for title, lines in titled if lines]


def _of_trace(one: TraceEvidence) -> list[Line]:
    head, *rest = trace_lines(one)
    return [Line(head, trace=one.trace_id), *(Line(text) for text in rest)]


def sections(found: Evidence) -> list[str]:
    """The evidence as paragraphs, each with its heading."""
    return paragraphs(parts(found))


def paragraphs(titled: list[tuple[str, list[Line]]]) -> list[str]:
    """Headings and their lines as text."""
    return [
        "\n".join(
            [f"{title}:", *(f"{one.text}: {one.to}" if one.to else one.text for one in lines)]
        )
        for title, lines in titled
    ]


def figure_lines(found: Evidence) -> list[str]:
    """The value with its limit, its course, and what was measured."""
    figure = found.figure
    if figure is None:
        return []
    limit = f" (limit {figure.limit_text})" if figure.limit_text else ""
    return [line for line in (f"{figure.text}{limit}", sparkline(figure)) if line]


def trace_lines(trace: TraceEvidence) -> list[str]:
    """What the trace did, and where it failed."""
    took = human(trace.seconds, "seconds")
    failed = f", {trace.errors} failed" if trace.errors else ""
    head = f"{trace.trace_id} {trace.service} {trace.name}: {took}{failed}"
    return [head, *([f"  {trace.cause}"] if trace.cause else [])]


def log_line(line: LogEvidence) -> str:
    """Time, level, service, event and its fields."""
    fields = " ".join(f"{name}={value}" for name, value in line.fields.items())
    return f"{line.at:%H:%M:%S} {line.level} {line.service} {line.event} {fields}".strip()[:400]


def change_line(change: Change) -> str:
    """Time, kind, what, and by whom."""
    who = f" by {change.who}" if change.who else ""
    return f"{change.at:%H:%M:%S} {change.kind}: {change.what}{who}"


def ways(found: Evidence) -> list[tuple[str, str]]:
    """Names and addresses of the links that there are."""
    return [(name, str(to)) for name, to in found.ways.model_dump().items() if to]
