"""One incident on a terminal, and the commands that act on it."""

from __future__ import annotations

import asyncio
import getpass
import re
import sqlite3
import sys
from collections.abc import Callable, Coroutine
from contextlib import closing
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.text import Text

from observability.alerting import incidents
from observability.alerting.incident_parts import TIMELINE, moment, shown
from observability.alerting.incidents import Audit, Incident
from observability.alerting.notifications import Store
from observability.alerting.reader import Reader
from observability.alerting.receivers.message import paragraphs
from observability.exits import UsageError
from observability.query import Alertmanager, BackendError, client
from observability.settings import Settings, load_settings

_DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?")
_STYLES = {"fired": "red", "resolved": "green", "refused": "red"}


def show(notification_id: int, *, as_json: bool) -> None:
    """Print an incident: what, evidence, timeline, who looks after it.

    Raises:
        UsageError: There is no such notification, or no inbox.
    """
    found = Reader(load_settings()).incident(notification_id)
    if as_json:
        sys.stdout.write(f"{found.model_dump_json(indent=2)}\n")
    else:
        _print(found)


def acknowledge(notification_id: int, note: str) -> None:
    """Say that whoever runs the command looks after it.

    Raises:
        UsageError: There is no such notification, or no inbox here.
    """
    actor = getpass.getuser()
    _act(
        lambda store, audit: incidents.acknowledge(
            store, notification_id, actor=actor, note=note, audit=audit
        )
    )


def silence(notification_id: int, lasting: str, comment: str) -> None:
    """Silence alerts of the same labels.

    Raises:
        UsageError: There is no such notification, no inbox here, no such duration, or Alertmanager
            did not do it.
    """
    length, actor = duration(lasting), getpass.getuser()
    _act_by_alertmanager(
        lambda store, alertmanager, audit: incidents.silence(
            store, alertmanager, notification_id, length, actor=actor, comment=comment, audit=audit
        )
    )


def unsilence(notification_id: int) -> None:
    """End the silence in force.

    Raises:
        UsageError: There is none, no such notification, no inbox here, or Alertmanager did not do
            it.
    """
    actor = getpass.getuser()
    _act_by_alertmanager(
        lambda store, alertmanager, audit: incidents.unsilence(
            store, alertmanager, notification_id, actor=actor, audit=audit
        )
    )


def duration(text: str) -> timedelta:
    """`90s`, `30m`, `1h30m`, `2d` as a time.

    Raises:
        UsageError: It is not of that form, or lasts no time or longer than a silence may.
    """
    found = _DURATION.fullmatch(text)
    parts = [int(part or 0) for part in found.groups()] if found else [0, 0, 0, 0]
    length = timedelta(days=parts[0], hours=parts[1], minutes=parts[2], seconds=parts[3])
    if not timedelta(0) < length <= incidents.LONGEST_SILENCE:
        raise UsageError(f"--for {text}: give a time up to 30 days, such as 30m, 1h30m or 2d")
    return length


def _act_by_alertmanager(
    what: Callable[[Store, Alertmanager, Audit], Coroutine[Any, Any, Incident]],
) -> None:
    url = load_settings().url("alertmanager")

    async def ask(store: Store, audit: Audit) -> Incident:
        async with client(url, 10) as http:
            return await what(store, Alertmanager(http), audit)

    _act(lambda store, audit: asyncio.run(ask(store, audit)))


def _act(what: Callable[[Store, Audit], Incident]) -> None:
    settings = load_settings()
    try:
        with closing(_store(settings)) as store:
            _print(what(store, _audit(settings)))
    except (incidents.NoIncidentError, incidents.NotSilencedError) as error:
        raise UsageError(f"{error}: see belfry alerts") from None
    except BackendError as error:
        raise UsageError(f"nothing was changed: {error}") from None
    except sqlite3.OperationalError as error:
        raise UsageError(
            f"cannot write to {settings.inbox_file}: {error}; belfry audit list says what was done"
        ) from None


def _audit(settings: Settings) -> Audit:
    from observability.stack.audited import record  # noqa: PLC0415 - reading needs none of it

    return lambda action, target, detail: record(settings, action, target, **detail)


def _store(settings: Settings) -> Store:
    if settings.inbox_file.exists():
        try:
            return Store(settings.inbox_file)
        except sqlite3.OperationalError as error:
            raise UsageError(f"cannot write to {settings.inbox_file}: {error}") from None
    raise UsageError(
        f"no inbox in {settings.state_dir}: set BELFRY_STATE_DIR to where the stack runs"
        " (in containers: docker compose exec console belfry alerts …)"
    )


def _print(found: Incident) -> None:
    console = Console()
    one, view = found.notification, shown(found)
    style = "bold red" if view.state == "firing" else "bold green"
    head = Text(f"{one.id}  {one.name}  ", style="bold").append(view.state, style=style)
    console.print(head.append(f"  {view.facts}", style="dim"))
    for text in [*view.texts, *paragraphs(view.parts)]:
        console.print(Text(f"{text}\n"), soft_wrap=True)
    console.print(Text(f"{TIMELINE}:", style="bold"))
    for event in view.timeline:
        line = Text(f"{moment(event.at)}  ", style="dim")
        line.append(event.kind, style=_STYLES.get(event.kind, ""))
        console.print(line.append(f"  {event.who}  {event.note}".rstrip()), soft_wrap=True)
    for said in view.standing:
        console.print(Text(said), soft_wrap=True)
