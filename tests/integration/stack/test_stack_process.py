"""One supervised process: real children, whose end is seen at once and leaves nothing behind."""

import asyncio
import os
import signal
import stat
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from observability.stack.child import Child
from observability.stack.process import Kind, Process, Spec, State
from tests.support.ports import free_port
from tests.support.waiting import eventually_async

FOREVER = "import time; time.sleep(600)"
LEAVES_A_CHILD = f"""
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", {FOREVER!r}]).pid, flush=True)
"""


def spec(folder: Path, *command: str, ready_url: str | None = None) -> Spec:
    """How to run a command in a folder."""
    return Spec(
        name="one",
        kind=Kind.SERVICE,
        instance="one-1",
        port=1,
        version="1",
        command=command,
        environment=dict(os.environ),
        folder=folder,
        ready_url=ready_url,
        stop_seconds=2.0,
    )


def python(code: str) -> tuple[str, ...]:
    """Command that runs this code."""
    return (sys.executable, "-c", code)


@asynccontextmanager
async def running(what: Spec, log: Path) -> AsyncIterator[Process]:
    """A process that is supervised while entered."""
    process = Process(what, log, lambda _: None)
    process.start()
    try:
        yield process
    finally:
        await process.stop()


@pytest.fixture
async def deaf_port() -> AsyncIterator[int]:
    """A port at which connections are taken and never answered."""

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(ignore, "127.0.0.1", port := free_port())
    yield port
    server.close()


async def test_an_end_is_seen_while_a_probe_hangs(tmp_path: Path, deaf_port: int) -> None:
    """The back-off begins with the end, not seconds later when nobody has answered."""
    what = spec(tmp_path, *python(FOREVER), ready_url=f"http://127.0.0.1:{deaf_port}/")
    async with running(what, tmp_path / "log") as process:
        await eventually_async(lambda: process.pid, what="a pid")
        await asyncio.sleep(0.2)  # the probe is under way
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        await eventually_async(
            lambda: process.state is State.BACKING_OFF, within=1.0, what="the end noticed"
        )


async def test_what_an_ended_process_has_left_running_ends_too(tmp_path: Path) -> None:
    """Its own children would hold its ports against the next one."""
    log = tmp_path / "log"
    async with running(spec(tmp_path, *python(LEAVES_A_CHILD)), log) as process:
        await eventually_async(lambda: process.state is State.BACKING_OFF, what="the end")
        left = int(log.read_text().split()[0])
        await eventually_async(lambda: not _lives(left), within=2, what="its child gone")


async def test_the_pid_of_an_ended_child_is_not_free_until_it_is_reaped(tmp_path: Path) -> None:
    """So that whoever is signalled by it is never somebody else."""
    child = Child(python(""), tmp_path, dict(os.environ), tmp_path / "log")
    await child.ended()

    assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
    assert child.reap() == 0
    assert not psutil.pid_exists(child.pid)


async def test_an_end_is_seen_where_the_kernel_has_no_handle_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every Unix has `pidfd_open`."""
    monkeypatch.delattr(os, "pidfd_open")
    child = Child(python(""), tmp_path, dict(os.environ), tmp_path / "log")

    await asyncio.wait_for(child.ended(), 10)
    assert child.reap() == 0


async def test_the_wait_grows_when_what_was_ready_cannot_be_started_again(tmp_path: Path) -> None:
    """A binary that is gone is not tried twice a second for ever: in the end it has failed."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nsleep 600\n")
    program.chmod(0o755)
    async with running(spec(tmp_path, str(program)), tmp_path / "log") as process:
        await eventually_async(lambda: process.state is State.READY, what="ready")
        process.spec = spec(tmp_path / "gone", str(program))
        delays = await _delays(process, 4)

    assert delays == sorted(delays)
    assert delays[-1] >= 2.0


async def test_what_a_process_writes_is_its_owner_s_only(tmp_path: Path) -> None:
    """A database with people's addresses, and the log."""
    code = f"open({str(tmp_path / 'database')!r}, 'w').close(); {FOREVER}"
    async with running(spec(tmp_path, *python(code)), tmp_path / "log"):
        await eventually_async((tmp_path / "database").exists, what="the file")

    for name in ("database", "log"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600, name


async def _delays(process: Process, count: int) -> list[float]:
    """How long it waits before each of the next tries."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    found: list[float] = []
    deadline = time.monotonic() + 30
    while len(found) < count and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
        if process.state in {State.BACKING_OFF, State.FAILED} and "next try" in process.reason:
            delay = float(process.reason.rpartition("after ")[2].split()[0])
            if not found or process.restarts >= len(found):
                found.append(delay)
    return found


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
