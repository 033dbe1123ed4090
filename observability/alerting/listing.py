"""Notifications on a terminal, or as JSON for a program."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from datetime import datetime

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from observability.alerting.notifications import Notification
from observability.alerting.reader import Reader
from observability.alerting.webhook import Status
from observability.durations import elapsed
from observability.exits import UsageError
from observability.settings import load_settings

_POLL_SECONDS = 0.5


def show(status: Status | None, *, as_json: bool) -> None:
    """Print what was received.

    Raises:
        UsageError: Neither a console nor an inbox is there.
    """
    received = Reader(load_settings()).read(status)
    if as_json:
        print_json(received)
    else:
        print_table(received)


def follow(status: Status | None, *, as_json: bool) -> None:
    """Print what was received and what arrives, one a line, until interrupted.

    Raises:
        UsageError: Neither a console nor an inbox is there at the start.
    """
    reader = Reader(load_settings())
    received = reader.read(status)
    if not received:
        sys.stderr.write("Nothing received yet; waiting. Ctrl-C ends.\n")
    for one in _arriving(reader, received, status):
        print_line(one, as_json=as_json)


def _arriving(
    reader: Reader, received: list[Notification], status: Status | None
) -> Iterator[Notification]:
    """What was received, then what is, without end; waits out a console that restarts."""
    last = max((one.id for one in received), default=0)
    yield from received
    while True:
        time.sleep(_POLL_SECONDS)
        try:
            batch = reader.read(status, after=last)
        except (UsageError, sqlite3.Error):
            continue
        if batch:
            last = batch[-1].id
            yield from batch


def print_json(received: list[Notification]) -> None:
    """The whole list as one JSON array."""
    json.dump([one.model_dump(mode="json") for one in received], sys.stdout, indent=2)
    sys.stdout.write("\n")


def print_table(received: list[Notification]) -> None:
    """The list as a table, newest last."""
    console = Console()
    if not received:
        console.print("No notifications.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("ID", "Received", "State", "Severity", "Alert", "What", "Lasted"):
        wide = heading == "What"
        table.add_column(heading, no_wrap=not wide, overflow="fold" if wide else "ellipsis")
    for one in received:
        table.add_row(*_cells(one))
    console.print(table)


def print_line(one: Notification, *, as_json: bool = False) -> None:
    """One notification on a line of its own, flushed at once."""
    if as_json:
        sys.stdout.write(f"{one.model_dump_json()}\n")
        sys.stdout.flush()
        return
    cells = [cell for cell in _cells(one) if str(cell)]
    Console().print(Text("  ").join(cells), soft_wrap=True)


def _cells(one: Notification) -> list[Text]:
    firing = one.status == "firing"
    colour = {"critical": "bold red", "warning": "yellow"}.get(one.severity, "")
    at = one.received_at.astimezone()
    today = at.date() == datetime.now(at.tzinfo).date()
    ended = one.ends_at or one.resolved_at
    lasted = elapsed(round((ended - one.starts_at).total_seconds())) if ended else ""
    return [
        Text(str(one.id), style="dim"),
        Text(f"{at:%H:%M:%S}" if today else f"{at:%Y-%m-%d %H:%M:%S}"),
        Text(one.status, style=("red" if one.still_firing else "dim red") if firing else "green"),
        Text(one.severity, style=colour if firing else "dim"),
        Text(one.name, style="bold" if firing else ""),
        Text(one.summary),
        Text(lasted, style="dim"),
    ]
