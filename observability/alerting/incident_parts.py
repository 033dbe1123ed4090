"""What is shown of an incident, in its order: for the terminal and the console's page alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from observability.alerting.incidents import Event, Incident
from observability.alerting.receivers import message
from observability.alerting.receivers.message import Line

TIMELINE = "Timeline"


@dataclass(frozen=True)
class Shown:
    """An incident in words.

    Attributes:
        state: `firing` or `resolved`.
        facts: severity, service and team.
        texts: summary and description.
        parts: the evidence by its headings.
        timeline: what happened, oldest first.
        standing: who looks after it, and who has silenced it until when.
    """

    state: str
    facts: str
    texts: list[str]
    parts: list[tuple[str, list[Line]]]
    timeline: list[Event]
    standing: list[str]


def shown(found: Incident, zone: tzinfo | None = None) -> Shown:
    """All that there is to see of an incident.

    Args:
        found: the incident.
        zone: of the times in it; None: the zone of the machine.
    """
    one, evidence = found.notification, found.evidence
    waiting = [("Evidence", [Line("The evidence is still being gathered.")])]
    return Shown(
        state="firing" if one.still_firing else "resolved",
        facts=f"{one.severity}  {one.service}  team {one.team}",
        texts=[text for text in (one.summary, one.description) if text],
        parts=waiting if evidence is None else message.parts(evidence),
        timeline=found.timeline,
        standing=_standing(found, zone),
    )


def moment(at: datetime, zone: tzinfo | None = None) -> str:
    """A moment as it stands in a timeline."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _standing(found: Incident, zone: tzinfo | None) -> list[str]:
    said = []
    if found.silenced and found.silenced.until:
        until = moment(found.silenced.until, zone)
        said.append(f"Silenced by {found.silenced.actor} until {until}.")
    if found.acknowledged:
        said.append(f"{found.acknowledged.actor} looks after it.")
    return said
