"""The state folder: files replaced whole, what a killed supervisor left is swept, nothing else."""

import fcntl
import json
import os
import stat
import subprocess
import sys
import threading
import time
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


def sleeper(marker: str | None, name: str = state.MARKER) -> subprocess.Popen[bytes]:
    """A process in a group of its own, marked as a supervisor's or not."""
    environment = dict(os.environ) | ({name: marker} if marker else {})
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


def test_a_compiler_whose_go_command_was_killed_is_ended(
    settings: Settings, started: list[subprocess.Popen[bytes]]
) -> None:
    """It is nobody's recorded child, but it says for whom it builds."""
    ours = sleeper(str(settings.state_dir), state.BUILD_MARKER)
    other = sleeper("/another/state", state.BUILD_MARKER)
    started += [ours, other]

    assert state.Records(settings).sweep() == [ours.pid]
    assert other.poll() is None


def test_the_same_pids_are_not_written_again(settings: Settings) -> None:
    """Progress of a build, ten times a second, is no reason to write to the disk."""
    records = state.Records(settings)
    records.write([3, 1])
    (settings.state_dir / "processes.json").unlink()

    records.write([1, 3])
    assert not (settings.state_dir / "processes.json").exists()
    records.write([1])
    assert (settings.state_dir / "processes.json").exists()


def test_what_belongs_to_the_stack_is_its_owner_s_only(settings: Settings) -> None:
    """Databases with people's data, logs and secrets lie below it."""
    folders = [settings.state_dir, *settings.state_dir.iterdir()]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    state.write_atomically(settings.state_dir / "new.json", "{}")
    assert stat.S_IMODE((settings.state_dir / "new.json").stat().st_mode) == 0o600


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    """Fault flags that containers of other users read stay readable."""
    path = tmp_path / "flags.json"
    path.touch(mode=0o644)
    path.chmod(0o644)
    state.write_atomically(path, "{}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_who_asks_for_the_holder_keeps_nobody_from_the_lock(settings: Settings) -> None:
    """`belfry down` looks at the lock again and again: a start in that instant is not refused."""
    asking = threading.Event()
    with (settings.state_dir / "supervisor.lock").open("w") as glance:
        fcntl.flock(glance, fcntl.LOCK_SH)

        def end_of_glance() -> None:
            asking.wait()
            time.sleep(0.05)
            fcntl.flock(glance, fcntl.LOCK_UN)

        other = threading.Thread(target=end_of_glance)
        other.start()
        asking.set()
        lock = state.StateLock(settings)
        lock.acquire()
        other.join()
    assert state.StateLock(settings).holder() == os.getpid()
    lock.release()


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
