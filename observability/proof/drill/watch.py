"""What arrives in the inbox while drills are played."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable

from observability.alerting.notifications import Notification
from observability.alerting.reader import Reader
from observability.exits import UsageError
from observability.query import Alertmanager, BackendError, Prometheus
from observability.settings import Settings

_POLL_SECONDS = 0.4
#: Of an alert that fires to prove that alerts arrive.
NO_SEVERITY = "none"


class Watch:
    """Reads the inbox again and again; everything that came since it began.

    Args:
        settings: whose inbox.
    """

    def __init__(self, settings: Settings) -> None:
        self._reader = Reader(settings)
        self.received: list[Notification] = []
        self._last = max((one.id for one in self._reader.read()), default=0)
        self._news = asyncio.Condition()

    async def run(self) -> None:
        """Read until cancelled; waits out an inbox that cannot be read for a while."""
        while True:
            with contextlib.suppress(UsageError, sqlite3.Error):
                await self._read()
            await asyncio.sleep(_POLL_SECONDS)

    async def _read(self) -> None:
        batch = await asyncio.to_thread(self._reader.read, after=self._last)
        if batch:
            async with self._news:
                self._last = batch[-1].id
                self.received.extend(batch)
                self._news.notify_all()

    async def until(self, reached: Callable[[], bool], within: float) -> bool:
        """Wait until something is so, looked at whenever something is received.

        Args:
            reached: what to wait for.
            within: seconds to wait at most.

        Returns:
            Whether it is so.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within), self._news:
                await self._news.wait_for(reached)
        return reached()


class Alarms:
    """What rings now, by Alertmanager, and what is about to, by Prometheus."""

    def __init__(self, prometheus: Prometheus, alertmanager: Alertmanager) -> None:
        self._prometheus = prometheus
        self._alertmanager = alertmanager

    async def ringing(self) -> list[dict[str, str]]:
        """Labels of the alerts that fire, silenced and inhibited ones included."""
        alerts = await self._alertmanager.alerts()
        return [one.labels for one in alerts if one.labels.get("severity") != NO_SEVERITY]

    async def state(self, name: str) -> str:
        """In words, how an alert stands that was not received."""
        try:
            held = [one for one in await self._alertmanager.alerts() if _name(one.labels) == name]
            found = await self._prometheus.instant(f'ALERTS{{alertname="{name}"}}')
            rules = [rule for rule in await self._prometheus.rules() if rule.name == name]
        except BackendError as error:
            return str(error)
        if held:
            why = "inhibited" if held[0].inhibited_by else held[0].state
            return f"Alertmanager holds it ({why})"
        states = sorted({one.labels["alertstate"] for one in found})
        if states:
            return f"Prometheus has it {' and '.join(states)}"
        unhealthy = [rule.error for rule in rules if rule.error]
        return unhealthy[0] if unhealthy else "its condition does not hold"

    async def wait_for_quiet(
        self, matters: Callable[[dict[str, str]], bool], within: float
    ) -> list[str]:
        """Wait until no alert that matters rings; the names of those that still do."""
        deadline = time.monotonic() + within
        while True:
            try:
                loud = sorted({_name(one) for one in await self.ringing() if matters(one)})
            except BackendError as error:
                loud = [str(error)]
            if not loud or time.monotonic() > deadline:
                return loud
            await asyncio.sleep(1)

    async def wait_until_settled(self, within: float) -> None:
        """Wait until no service has just begun or ended, which holds alerts on promises back."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            with contextlib.suppress(BackendError):
                if not await self._prometheus.scalar("max(service:excused:bool)"):
                    return
            await asyncio.sleep(1)


def _name(labels: dict[str, str]) -> str:
    return labels.get("alertname", "")
