"""`belfry up`: a supervisor in this process, or one left running behind it."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from observability.exits import DOES_NOT_HOLD, HOLDS, WRONG_USE, UsageError
from observability.settings import Settings
from observability.stack import control, display, pages, state
from observability.stack.patience import Patience
from observability.stack.plan import Plan
from observability.stack.servers import Servers
from observability.stack.supervisor import Supervisor

_REFRESH_SECONDS = 0.1
_POLL_SECONDS = 0.2


class Foreground:
    """Runs a plan until it is interrupted or told to stop; data stays."""

    def __init__(self, plan: Plan, servers: Servers, console: Console) -> None:
        self._plan = plan
        self._console = console
        self._pages = pages.to_open(plan)
        self._supervisor = Supervisor(plan, servers)
        self._began = time.monotonic()
        self._stop = asyncio.Event()
        self._stopped = asyncio.Event()

    async def run(self, patience: float) -> int:
        """Start, show progress, wait for the end, stop everything.

        Args:
            patience: seconds without one more process ready after which it says what is not; it
                goes on then.

        Returns:
            The exit code.

        Raises:
            UsageError: the state folder is in use, a port is taken, a setting is wrong.
        """
        settings = self._plan.settings
        lock = state.StateLock(settings)
        with state.usable(settings):
            lock.acquire()
        handlers: dict[str, control.Handler] = {
            "status": self._status,
            "progress": self._progress,
            "scale": self._scale,
            "restart": self._supervisor.restart,
            "stop": self._stop_everything,
        }
        commands = control.Control(settings, handlers)
        self._catch_signals()
        try:
            with state.usable(settings):
                await commands.open()
            await self._supervisor.start()
            await self._show_start(Patience(patience))
            await self._show_changes()
        finally:
            await self._supervisor.stop()
            self._stopped.set()
            await commands.close()
            lock.release()
        self._console.print("stopped; data stays in " + str(settings.state_dir), soft_wrap=True)
        return HOLDS

    async def _show_start(self, patience: Patience) -> None:
        shown = display.progress(self._console, self._pages, self._began)
        try:
            while not (self._supervisor.settled or self._stop.is_set()):
                rows = self._rows()
                shown.update(rows)
                if patience.is_over(rows):
                    break
                await self._pause(_REFRESH_SECONDS)
            shown.update(self._rows())
        finally:
            shown.close()
        if not self._stop.is_set():
            took = time.monotonic() - self._began
            display.announce(self._console, self._rows(), self._pages, took)
            self._console.print("Ctrl-C stops everything; data stays")

    async def _show_changes(self) -> None:
        """A line for each change from now on, until asked to stop."""
        shown = display.PlainProgress(self._console, self._began, known=self._rows())
        while not self._stop.is_set():
            shown.update(self._rows())
            await self._pause(_POLL_SECONDS)
        self._console.print("stopping")

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "name": process.spec.name,
                "instance": process.spec.instance,
                "kind": process.spec.kind,
                "state": process.state.value,
                "reason": process.reason,
            }
            for process in self._supervisor.processes.values()
        ]

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        """Stop gracefully; whoever asks a second time wants it now."""
        if self._stop.is_set():
            self._supervisor.kill()
        self._stop.set()

    async def _progress(self) -> list[dict[str, Any]]:
        return self._rows()

    async def _status(self) -> list[dict[str, Any]]:
        rows = await asyncio.to_thread(self._supervisor.status)
        return [row.as_json() for row in rows]

    async def _scale(self, name: str, replicas: int) -> None:
        await self._supervisor.scale(name, replicas)

    async def _stop_everything(self) -> None:
        self._stop.set()
        await self._stopped.wait()


def run_in_foreground(plan: Plan, servers: Servers, timeout: float) -> int:
    """Run a plan in this process until Ctrl-C; the exit code."""
    state.prepare(plan.settings)
    return asyncio.run(Foreground(plan, servers, Console(highlight=False)).run(timeout))


def run_detached(plan: Plan, arguments: Sequence[str], timeout: float) -> int:
    """Leave a supervisor running behind, and wait until all is ready or has failed.

    Args:
        plan: what `arguments` come to.
        arguments: of the `belfry up` to be left running.
        timeout: seconds to wait for one more process to be ready.

    Returns:
        0 if all is ready, 1 if not; the stack is left running in either case.

    Raises:
        UsageError: the supervisor refused to start; with what it said.
    """
    settings = plan.settings
    state.prepare(settings)
    with state.usable(settings):
        state.StateLock(settings).require_free()
    said = settings.logs_dir / "supervisor.err"
    with said.open("wb") as errors:
        supervisor = subprocess.Popen(  # noqa: S603 - ourselves, with our own arguments
            [sys.executable, "-m", "observability.cli", "up", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
    console = Console(highlight=False)
    began = time.monotonic()
    to_open = pages.to_open(plan)
    shown = display.progress(console, to_open, began)
    rows: list[dict[str, Any]] = []
    patience = Patience(timeout)
    try:
        while not patience.is_over(rows):
            if (code := supervisor.poll()) is not None:
                raise _refusal(code, said.read_text(encoding="utf-8"))
            rows = _progress(settings) or rows
            shown.update(rows)
            if rows and all(row["state"] in {"ready", "failed"} for row in rows):
                break
            time.sleep(_POLL_SECONDS)
    finally:
        shown.close()
    display.announce(console, rows, to_open, time.monotonic() - began)
    console.print(Text("it runs in the background: `belfry status`, `belfry down`"))
    return HOLDS if rows and all(row["state"] == "ready" for row in rows) else DOES_NOT_HOLD


def _progress(settings: Settings) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = control.ask(settings, "progress")
    except control.NotRunningError:
        return []
    return rows


def _refusal(code: int, said: str) -> UsageError:
    line = said.strip().splitlines()[-1:] or ["it was told to stop"]
    if code == WRONG_USE:
        return UsageError(line[0].removeprefix("belfry: "))
    return UsageError(f"the supervisor has ended (exit code {code}): {line[0]}")
