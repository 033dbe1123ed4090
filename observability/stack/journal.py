"""The supervisor's own log: each start, crash and stop, one line each, in logs/supervisor.log."""

import logging
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

from observability.stack.process import Process, State

_LONGEST_BYTES = 1_000_000


class Journal:
    """Notes what becomes of the processes; bounded, UTC, with the reason where there is one."""

    def __init__(self, path: Path) -> None:
        self._handler = RotatingFileHandler(
            path, maxBytes=_LONGEST_BYTES, backupCount=1, encoding="utf-8", delay=True
        )
        formatter = logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        formatter.converter = time.gmtime
        self._handler.setFormatter(formatter)
        self._last: dict[str, tuple[State, int | None]] = {}
        self._troubles: dict[str, str] = {}

    def note(self, process: Process) -> None:
        """Write down a process's new state; a new reason for the same state is no news."""
        now = (process.state, process.pid)
        if self._last.get(process.spec.instance) == now:
            return
        self._last[process.spec.instance] = now
        pid = f" pid {process.pid}" if process.pid else ""
        reason = f": {process.reason}" if process.reason else ""
        self.write(f"{process.spec.instance} {process.state}{pid}{reason}")

    def trouble(self, what: str, error: BaseException) -> None:
        """Write down that something went wrong; the same trouble again is no news."""
        text = f"{type(error).__name__}: {error}"
        if self._troubles.get(what) != text:
            self._troubles[what] = text
            self.write(f"{what}: {text}")

    def write(self, message: str) -> None:
        """Write a line with the time before it."""
        record = logging.LogRecord("belfry", logging.INFO, "", 0, message, None, None)
        self._handler.emit(record)

    def close(self) -> None:
        """Close the file."""
        self._handler.close()
