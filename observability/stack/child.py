"""One operating-system process of the stack, whose pid stays its own until it is reaped."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from observability.stack import launch, logs

#: What a process writes is its owner's: databases hold people's data, logs may.
PRIVATE_UMASK = 0o077
_POLL_SECONDS = 0.05


class Child:
    """A command in a session of its own, bound to die with us; started when made.

    Args:
        command: what to run.
        folder: in which.
        environment: the whole of it.
        log: what it writes is appended here.

    Raises:
        OSError: it cannot be started, or the log cannot be written.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
    ) -> None:
        with logs.to_append(log) as output:
            self._process = subprocess.Popen(  # noqa: S603 - what belfry.toml and backends/ say
                [*launcher(), *command],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                umask=PRIVATE_UMASK,
            )
        self.pid = self._process.pid

    async def ended(self) -> None:
        """Wait for its end without reaping it: its pid cannot be given to another meanwhile."""
        if not hasattr(os, "pidfd_open"):
            while psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE:  # noqa: ASYNC110
                await asyncio.sleep(_POLL_SECONDS)
            return
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        descriptor = os.pidfd_open(self.pid)
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)

    def signal(self, number: signal.Signals) -> None:
        """Signal it alone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill_group(self) -> None:
        """Kill it, and what it has started, now."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def reap(self) -> int:
        """Kill what is left of it and of what it has started; its exit code."""
        self.kill_group()
        return self._process.wait()


def launcher() -> tuple[str, ...]:
    """Command line before a command that is to die with this process."""
    return (sys.executable, "-I", "-S", launch.__file__, str(os.getpid()))
