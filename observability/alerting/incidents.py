"""Incidents: a notification with its evidence and timeline, and what a person does about it.

For the command line and the console alike. What changes something is recorded by the caller's
`audit`, because a command and a service record their acts differently.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from observability.alerting.evidence.model import Evidence
from observability.alerting.ledger import Act, Delivery, Kind, Ledger
from observability.alerting.notifications import Notification, Store
from observability.alerting.webhook import kept_of
from observability.query import Alertmanager

Audit = Callable[[str, str, dict[str, str]], None]
"""Records an action, its target, and what else is worth keeping."""

LONGEST_SILENCE = timedelta(days=30)

_SAID: dict[Kind, str] = {
    "reminder": "that it still fires",
    "end": "that it ended",
    "over": "that the incident is over",
}
Moment = Literal["fired", "notified", "delivered", "refused", "acknowledged", "silenced"]
_LATER = Literal["unsilenced", "resolved"]


class Event(BaseModel):
    """One line of a timeline; `who` is a person or a receiver."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    kind: Moment | _LATER
    who: str = ""
    note: str = ""


class Incident(BaseModel):
    """All that is known of one alert from its beginning to its end.

    `evidence` is None until it has been gathered. `acknowledged` and `silenced` are the acts in
    force; a silence is in force until its time is over or it is ended.
    """

    model_config = ConfigDict(frozen=True)

    notification: Notification
    evidence: Evidence | None
    timeline: list[Event]
    acknowledged: Act | None
    silenced: Act | None


class NoIncidentError(LookupError):
    """There is no notification by that id."""


class NotSilencedError(LookupError):
    """There is no silence to end."""


def find_incident(store: Store, notification_id: int) -> Incident | None:
    """The incident of a notification, given by its beginning's or its end's id; None: no such.

    Raises:
        sqlite3.OperationalError: The inbox's file cannot be written.
    """
    found = store.one(notification_id)
    if found is None:
        return None
    one = store.beginning(found)
    with closing(Ledger(store.path)) as ledger:
        acts = ledger.acts(one.id)
        return Incident(
            notification=one,
            evidence=ledger.evidence(one.id),
            timeline=_timeline(one, acts, ledger.deliveries(one.id)),
            acknowledged=next((act for act in acts if act.kind == "acknowledged"), None),
            silenced=_silence_in_force(acts),
        )


def acknowledge(
    store: Store, notification_id: int, *, actor: str, note: str, audit: Audit
) -> Incident:
    """Say that somebody looks after it; a second time changes nothing but adds the note.

    Raises:
        NoIncidentError: There is no such notification.
    """
    one = _known(store, notification_id).notification
    act = Act(at=datetime.now(UTC), kind="acknowledged", actor=actor, note=note)
    return _acted(store, one, act, audit, "alert_acknowledged")


async def silence(  # noqa: PLR0913 - each a fact of the silence
    store: Store,
    alertmanager: Alertmanager,
    notification_id: int,
    lasting: timedelta,
    *,
    actor: str,
    comment: str,
    audit: Audit,
) -> Incident:
    """Silence alerts with exactly its labels; it takes the place of the one in force, if any.

    Raises:
        NoIncidentError: There is no such notification.
        BackendError: Alertmanager did not answer or refused; what was in force still is.
        ValueError: It would last no time, or longer than 30 days.
    """
    if not timedelta(0) < lasting <= LONGEST_SILENCE:
        raise ValueError("a silence lasts from a second to 30 days")
    incident = _known(store, notification_id)
    one = incident.notification
    whole, beginnings = _matchers(one.labels)
    made = await alertmanager.silence(
        whole,
        lasting,
        author=actor,
        comment=comment,
        beginnings=beginnings,
        instead_of=incident.silenced.silence if incident.silenced else None,
    )
    now = datetime.now(UTC)
    act = Act(at=now, kind="silenced", actor=actor, note=comment, silence=made, until=now + lasting)
    return _acted(store, one, act, audit, "alert_silenced")


async def unsilence(
    store: Store, alertmanager: Alertmanager, notification_id: int, *, actor: str, audit: Audit
) -> Incident:
    """End the silence in force.

    Raises:
        NoIncidentError: There is no such notification.
        NotSilencedError: None is in force.
        BackendError: Alertmanager did not answer or refused.
    """
    incident = _known(store, notification_id)
    if incident.silenced is None:
        raise NotSilencedError(f"notification {notification_id} is not silenced")
    ended = incident.silenced.silence
    await _end(alertmanager, ended)
    act = Act(at=datetime.now(UTC), kind="unsilenced", actor=actor, silence=ended)
    return _acted(store, incident.notification, act, audit, "alert_unsilenced")


def _matchers(labels: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Labels by their value, and those of which only the beginning was kept."""
    beginnings = {
        name: kept for name, value in labels.items() if (kept := kept_of(value)) is not None
    }
    return {name: labels[name] for name in labels.keys() - beginnings}, beginnings


async def _end(alertmanager: Alertmanager, silence_id: str) -> None:
    """End a silence; one that somebody else has ended is no error."""
    if any(one.id == silence_id for one in await alertmanager.silences()):
        await alertmanager.end_silence(silence_id)


def _known(store: Store, notification_id: int) -> Incident:
    found = find_incident(store, notification_id)
    if found is None:
        raise NoIncidentError(f"no notification {notification_id}")
    return found


def _acted(store: Store, one: Notification, act: Act, audit: Audit, action: str) -> Incident:
    detail = {"notification": str(one.id), "note": act.note}
    if act.silence:
        detail["silence"] = act.silence
    if act.until:
        detail["until"] = act.until.isoformat(timespec="seconds")
    target = f"{one.name} {one.service}".strip()
    audit(action, target, detail)  # first: it is done, whether or not it can be kept here
    with closing(Ledger(store.path)) as ledger:
        ledger.act(one.id, act)
    return _known(store, one.id)


def _silence_in_force(acts: list[Act]) -> Act | None:
    about = [act for act in acts if act.kind != "acknowledged"]
    last = about[-1] if about else None
    if last is None or last.until is None or last.until <= datetime.now(UTC):
        return None
    return last


def _timeline(one: Notification, acts: list[Act], deliveries: list[Delivery]) -> list[Event]:
    events = [
        Event(at=one.starts_at, kind="fired"),
        Event(at=one.received_at, kind="notified", who="inbox"),
        *(
            Event(
                at=datetime.fromtimestamp(delivery.done_at, UTC),
                kind="delivered" if delivery.state == "sent" else "refused",
                who=delivery.receiver,
                note=delivery.error or _SAID.get(delivery.message.kind, ""),
            )
            for delivery in deliveries
            if delivery.done_at is not None
        ),
        *(Event(at=act.at, kind=act.kind, who=act.actor, note=act.note) for act in acts),
    ]
    if one.resolved_at is not None:
        events.append(Event(at=one.resolved_at, kind="resolved"))
    return sorted(events, key=lambda event: event.at)
