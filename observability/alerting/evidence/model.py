"""Evidence as it is kept, sent and shown. All times are in UTC, all durations in seconds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Unit = Literal["ratio", "seconds", "bytes", "number"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Figure(_Part):
    """The alert's figure: its rule's expression, without the limit, at that moment.

    `text` is the value in human units; `limit` is None where the rule compares with no number.
    `points` are (unix seconds, value) pairs of the time before.
    """

    expression: str
    unit: Unit
    value: float
    text: str
    limit: float | None = None
    limit_text: str | None = None
    points: list[tuple[float, float]] = Field(default_factory=list)


class TraceEvidence(_Part):
    """A telling trace; `cause` says which span failed and how, `known` whether Jaeger has it."""

    trace_id: str
    service: str
    name: str
    at: datetime
    seconds: float
    errors: int = 0
    cause: str = ""
    known: bool = True
    link: str = ""


class LogEvidence(_Part):
    """A log line of one of the traces, or of the service where there are none."""

    at: datetime
    level: str
    service: str
    event: str
    trace_id: str = ""
    fields: dict[str, str] = Field(default_factory=dict)


class Change(_Part):
    """Something that changed before: `kind` is deploy, start, or the audited action."""

    at: datetime
    kind: str
    what: str
    who: str = ""


class Ways(_Part):
    """Addresses that a browser can open; None where there is nothing to open.

    `dashboard` is the console's, `grafana` the same one in Grafana.
    """

    incident: str | None = None
    dashboard: str | None = None
    grafana: str | None = None
    traces: str | None = None
    logs: str | None = None
    runbook: str | None = None
    silence: str | None = None


class Evidence(_Part):
    """What was found when the alert fired; `missing` names each source that did not answer.

    `same_as` is the id of a notification that came with it, whose traces, log lines and changes
    are this one's too; figure and links are its own.
    """

    gathered_at: datetime
    took_seconds: Annotated[float, Field(ge=0)] = 0.0
    services: list[str] = Field(default_factory=list)
    figure: Figure | None = None
    traces: list[TraceEvidence] = Field(default_factory=list)
    logs: list[LogEvidence] = Field(default_factory=list)
    changes: list[Change] = Field(default_factory=list)
    ways: Ways = Ways()
    missing: list[str] = Field(default_factory=list)
    same_as: int | None = None

    def sharing(self, other: Evidence) -> Evidence:
        """With the traces, log lines and changes of another's, and what that lacks."""
        shared = {
            "traces": other.traces,
            "logs": other.logs,
            "changes": other.changes,
            "missing": sorted({*self.missing, *other.missing}),
        }
        return self.model_copy(update=shared)
