"""A message to a receiver, and what of it every kind of receiver says alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from observability.alerting.evidence.chart import sparkline
from observability.alerting.evidence.model import Change, Evidence, LogEvidence, TraceEvidence
from observability.alerting.evidence.units import human
from observability.alerting.ledger import Kind
from observability.alerting.notifications import Notification
from observability.alerting.webhook import Status

FIGURE = "Figure"
"""Heading of the part that a chart belongs to."""
_LINES = 10
_ALERTS = 20


@dataclass(frozen=True)
class Call:
    """What a pager is called for: alerts told together, until all of them are over."""

    key: str
    alerts: list[Notification]

    @property
    def over(self) -> bool:
        """Whether nothing of it fires any more."""
        return not any(one.still_firing for one in self.alerts)


@dataclass(frozen=True)
class Message:
    """An incident began, grew, goes on, ended in part or is over.

    Attributes:
        incident: its id.
        kind: what happened.
        at: when, however late it can be delivered.
        alerts: what it is about: those that are new, still fire, or have ended.
        evidence: of the first of them; None once they have ended.
        calls: all that the receiver was called for in this incident.
        left_out: how many alerts more there are of which only their number is known.
    """

    incident: str
    kind: Kind
    at: datetime
    alerts: list[Notification]
    evidence: Evidence | None
    calls: list[Call] = field(default_factory=list)
    left_out: int = 0

    @property
    def status(self) -> Status:
        """Of the incident."""
        return "resolved" if self.kind == "over" else "firing"

    @property
    def first(self) -> Notification:
        """The alert that speaks for the others."""
        return self.alerts[0]

    @property
    def firing(self) -> list[Notification]:
        """What the receiver was told of and still fires."""
        return [one for call in self.calls for one in call.alerts if one.still_firing]

    @property
    def title(self) -> str:
        """One line: `CRITICAL checkout is down (+2)`."""
        others = len(self.alerts) - 1 + self.left_out
        more = f" (+{others})" if others else ""
        if self.kind == "end":
            more += f", {len(self.firing)} still firing"
        return f"{self._state} {self.first.summary or self.first.name}{more}"[:250].strip()

    @property
    def _state(self) -> str:
        if self.kind in {"end", "over"}:
            return "MUTED" if self.first.still_firing else "RESOLVED"
        severity = self.first.severity.upper()
        return f"STILL {severity}" if self.kind == "reminder" else severity


def text(message: Message) -> str:
    """The whole message as plain text, readable without any markup."""
    one, found = message.first, message.evidence
    parts = [
        one.description,
        _listed("Also", message.alerts[1:]),
        _listed("Still firing", message.firing) if message.kind == "end" else "",
        f"{message.left_out} more are not listed here: see Alertmanager." * bool(message.left_out),
        _lasted(message),
        *(sections(found) if found else []),
    ]
    return "\n\n".join(part for part in parts if part)


def _listed(heading: str, alerts: list[Notification]) -> str:
    lines = [f"- {other.summary or other.name}" for other in alerts[: _ALERTS - 1]]
    return "\n".join([f"{heading}:", *lines]) if lines else ""


def _lasted(message: Message) -> str:
    one = message.first
    if message.kind == "reminder":
        return f"It has fired since {one.starts_at:%Y-%m-%d %H:%M:%S} UTC."
    ended = one.ends_at or one.resolved_at
    if message.kind == "news" or ended is None:
        return ""
    return f"It lasted {human((ended - one.starts_at).total_seconds(), 'seconds')}."


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
    shared = f" (as alert {found.same_as})" if found.same_as else ""
    logs = found.logs[:_LINES]
    titled = [
        (FIGURE, [Line(text) for text in figure_lines(found)]),
        (f"Traces{shared}", [line for one in found.traces for line in _of_trace(one)]),
        (f"Log{shared}", [Line(log_line(e), trace=e.trace_id, kind=e.level) for e in logs]),
        (f"Changed lately{shared}", [Line(change_line(c), kind=c.kind) for c in found.changes]),
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
