"""Load that the console drives: `belfry load` as a process of its own, one at a time."""

import asyncio
import contextlib
import os
import sys
import time
from dataclasses import dataclass

from observability.exits import UsageError
from observability.settings import Settings

MOST_USERS, MOST_RATE, MOST_SECONDS = 100, 500.0, 3600.0
_STOP_SECONDS = 10.0
LOG = "console-load.log"


@dataclass(frozen=True)
class Plan:
    """How many users for how many seconds; `rate` is the most requests a second, None: any."""

    users: int
    seconds: float
    rate: float | None = None

    def checked(self) -> "Plan":
        """Itself.

        Raises:
            UsageError: a number that is not allowed.
        """
        if not 1 <= self.users <= MOST_USERS:
            raise UsageError(f"users: from 1 to {MOST_USERS}")
        if not 1 <= self.seconds <= MOST_SECONDS:
            raise UsageError(f"seconds: from 1 to {MOST_SECONDS:.0f}")
        if self.rate is not None and not 0 < self.rate <= MOST_RATE:
            raise UsageError(f"rate: above 0, up to {MOST_RATE:.0f}")
        return self


class LoadRun:
    """The present load, if any."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._plan: Plan | None = None
        self._began = 0.0

    @property
    def running(self) -> bool:
        """Whether load runs now."""
        return self._process is not None and self._process.returncode is None

    @property
    def words(self) -> str:
        """What runs, for people."""
        if self._plan is None or not self.running:
            return "No load runs from here."
        ago = time.monotonic() - self._began
        left = max(0.0, self._plan.seconds - ago)
        rate = f", at most {self._plan.rate:g} requests a second" if self._plan.rate else ""
        return f"{self._plan.users} users{rate}: {left:.0f} s to go."

    async def start(self, plan: Plan) -> None:
        """Start load.

        Raises:
            UsageError: some runs already, or the plan asks too much.
        """
        plan.checked()
        if self.running:
            raise UsageError("load runs already: stop it first")
        limit = ["--rate", str(plan.rate)] if plan.rate else []
        command = ["--users", str(plan.users), "--duration", str(plan.seconds), *limit, "--json"]
        self._settings.logs_dir.mkdir(parents=True, exist_ok=True)
        with (self._settings.logs_dir / LOG).open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "observability.cli", "load", *command),
                cwd=self._settings.config.parent,
                env=os.environ | self._settings.variables(),
                stdout=log,
                stderr=log,
            )
        self._plan, self._began = plan, time.monotonic()

    async def stop(self) -> None:
        """End the load; nothing happens if there is none."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
