"""Gathers the evidence of a notification, within seconds, from whatever answers."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from observability.alerting.evidence.asking import Asking
from observability.alerting.evidence.changes import changes
from observability.alerting.evidence.figure import Measure, figure, measure
from observability.alerting.evidence.known import known
from observability.alerting.evidence.logs import logs
from observability.alerting.evidence.model import Change, Evidence, Figure, LogEvidence, Ways
from observability.alerting.evidence.model import TraceEvidence as Traced
from observability.alerting.evidence.subject import Subject, stated, subject
from observability.alerting.evidence.traces import traces
from observability.alerting.evidence.ways import Places
from observability.alerting.notifications import Notification

TOTAL_SECONDS = 8.0


class _Found:
    """What has been found so far: all that is left when time is up."""

    services: tuple[str, ...] = ()
    figure: Figure | None = None
    traces: list[Traced]
    logs: list[LogEvidence]
    changes: list[Change]
    ways: Ways

    def __init__(self, ways: Ways) -> None:
        self.traces, self.logs, self.changes, self.ways = [], [], [], ways


async def gather(
    one: Notification, asking: Asking, places: Places, *, same_as: int | None = None
) -> Evidence:
    """The evidence of a notification; takes at most eight seconds and never raises for a backend.

    Args:
        one: what fired.
        asking: the backends, none of which has failed yet.
        places: for the links.
        same_as: the notification whose traces, log lines and changes it shares, if there is one.
    """
    began = time.monotonic()
    found = _Found(places.ways(one, stated(one)))
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            await _look(one, asking, places, found, alone=same_as is None)
    except TimeoutError:
        asking.missing["Evidence"] = f"not complete after {TOTAL_SECONDS:.0f} s"
    return Evidence(
        gathered_at=datetime.now(UTC),
        took_seconds=round(time.monotonic() - began, 3),
        services=list(found.services),
        figure=found.figure,
        traces=found.traces,
        logs=found.logs,
        changes=found.changes,
        ways=found.ways,
        missing=asking.notes(),
        same_as=same_as,
    )


async def _look(
    one: Notification, asking: Asking, places: Places, found: _Found, *, alone: bool
) -> None:
    about, what = await asyncio.gather(subject(one, asking), measure(one, asking))
    found.services, found.ways = about.services, places.ways(one, about)
    own = [_figure(what, one, about, asking, found)]
    if alone:
        slow = about_time(one.name, what)
        own.append(_traces_and_logs(about, asking, places, found, slowest_first=slow))
        own.append(_changes(about, asking, found))
    await asyncio.gather(*own)


def about_time(name: str, what: Measure | None) -> bool:
    """Whether an alert is about how long something takes; of an unknown one its unit says so."""
    alert = known(name)
    if alert is not None:
        return alert.about_time
    return what is not None and what.unit == "seconds"


async def _figure(
    what: Measure | None, one: Notification, about: Subject, asking: Asking, found: _Found
) -> None:
    if what is not None:
        found.figure = await figure(what, one, about, asking)


async def _traces_and_logs(
    about: Subject, asking: Asking, places: Places, found: _Found, *, slowest_first: bool
) -> None:
    found.traces = await traces(about, asking, slowest_first=slowest_first, link=places.trace)
    found.logs = await logs(about, found.traces, asking)


async def _changes(about: Subject, asking: Asking, found: _Found) -> None:
    found.changes = await changes(about, asking)
