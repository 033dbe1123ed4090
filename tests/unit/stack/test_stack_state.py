"""The state folder: files replaced whole, what a killed supervisor left is swept, nothing else."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from observability.exits import UsageError
from observability.settings import Settings
from observability.stack import secrets, state

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A prepared state folder."""
    made = Settings(state_dir=tmp_path / "state")
    state.prepare(made)
    return made


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that the test starts, ended after it."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def sleeper(marker: str | None) -> subprocess.Popen[bytes]:
    """A process in a group of its own, marked as a supervisor's or not."""
    environment = dict(os.environ) | ({state.MARKER: marker} if marker else {})
    return subprocess.Popen(SLEEP, env=environment, start_new_session=True)


def test_what_a_killed_supervisor_left_is_ended_and_nothing_else(
    settings: Settings, started: list[subprocess.Popen[bytes]]
) -> None:
    """A recorded pid counts only if the process says that our supervisor began it."""
    ours, foreign, other = (
        sleeper(str(settings.state_dir)),
        sleeper(None),
        sleeper("/another/state"),
    )
    started += [ours, foreign, other]
    records = state.Records(settings)
    records.write(process.pid for process in started)

    assert records.sweep() == [ours.pid]

    assert ours.poll() is not None
    assert foreign.poll() is None
    assert other.poll() is None
    assert records.sweep() == []


def test_what_is_marked_but_not_recorded_is_left_alone(
    settings: Settings, started: list[subprocess.Popen[bytes]]
) -> None:
    """A person's shell that inherited the marker is not a leftover."""
    started.append(sleeper(str(settings.state_dir)))

    assert state.Records(settings).sweep() == []


def test_the_lock_is_held_by_one(settings: Settings) -> None:
    """The second is refused with the first one's pid; after a release it is free again."""
    first, second = state.StateLock(settings), state.StateLock(settings)
    first.acquire()

    assert second.holder() == os.getpid()
    with pytest.raises(UsageError, match=f"pid {os.getpid()}"):
        second.acquire()
    first.release()
    assert second.holder() is None
    second.acquire()
    second.release()


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Nothing but the file itself is left in the folder."""
    path = tmp_path / "targets.json"
    path.write_text("old")

    state.write_atomically(path, "new")

    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    """The second start keeps it; an empty file, left by a crash, is made anew."""
    (tmp_path / "empty").touch()
    secrets.generate(tmp_path, ["key", "empty"])
    first = (tmp_path / "key").read_text()
    secrets.generate(tmp_path, ["key"])

    assert (tmp_path / "key").read_text() == first
    assert len((tmp_path / "empty").read_text()) == len(first) == 64
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_records_are_json(settings: Settings) -> None:
    """Pids, sorted, for whoever looks into the folder."""
    state.Records(settings).write([3, 1])

    assert json.loads((settings.state_dir / "processes.json").read_text()) == [1, 3]
