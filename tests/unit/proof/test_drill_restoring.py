"""What a drill changes is put back, also by the next run after one that was killed."""

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from observability.exits import UsageError
from observability.proof.drill.acts import Act, SetFault
from observability.proof.drill.files import Block, Lock, Write
from observability.proof.drill.restoring import FileWas, Journal, Ran
from observability.proof.drill.stage import Stage
from observability.settings import Settings
from observability.stack.state import StateLock
from tests.support.waiting import eventually

Seen = TypeVar("Seen")
FLAGS = Path(__file__).parents[3] / "services/kit/flags.json"


@asynccontextmanager
async def _silence(journey: str, per_second: float) -> AsyncIterator[None]:
    yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A state folder with the shop's fault flags."""
    shutil.copyfile(FLAGS, tmp_path / "flags.json")
    return Settings(state_dir=tmp_path)


@pytest.fixture
def sleeper() -> Iterator[psutil.Process]:
    """A process that does nothing."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield psutil.Process(child.pid)
    child.kill()
    child.wait()


def _stage(settings: Settings) -> Stage:
    return Stage(settings, Journal(settings), _silence)


def _flag(settings: Settings, name: str) -> str:
    flags = json.loads(settings.flags_file.read_text())["flags"]
    return str(flags[name]["defaultVariant"])


def _during(settings: Settings, act: Act, look: Callable[[], Seen]) -> Seen:
    """What is seen while an act is applied."""

    async def play() -> Seen:
        async with act.applied(_stage(settings)):
            await asyncio.sleep(0.1)
            return look()

    return asyncio.run(play())


def _journal(settings: Settings) -> Path:
    return settings.state_dir / "drill.json"


def test_a_fault_is_set_and_cleared(settings: Settings) -> None:
    """And there is nothing left to be put back."""
    act = SetFault(fault="cart.error_rate=0.5")
    assert _during(settings, act, lambda: _flag(settings, "cart.error_rate")) == "on"
    assert _flag(settings, "cart.error_rate") == "off"
    assert not _journal(settings).exists()


def test_a_fault_that_was_set_before_gets_its_value_again(settings: Settings) -> None:
    """A drill does not repair what somebody else broke on purpose."""
    document = json.loads(settings.flags_file.read_text())
    document["flags"]["cart.latency_ms"]["variants"]["on"] = 30
    document["flags"]["cart.latency_ms"]["defaultVariant"] = "on"
    settings.flags_file.write_text(json.dumps(document))
    _during(settings, SetFault(fault="cart.latency_ms=70"), lambda: None)
    flag = json.loads(settings.flags_file.read_text())["flags"]["cart.latency_ms"]
    assert flag["variants"][flag["defaultVariant"]] == 30


def test_an_interrupted_act_is_undone(settings: Settings) -> None:
    """Cancelling, as Ctrl-C does, is an end like any other."""

    async def interrupted() -> None:
        applied = asyncio.Event()

        async def play() -> None:
            async with SetFault(fault="cart.error_rate=0.5").applied(_stage(settings)):
                applied.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(play())
        await applied.wait()
        assert _flag(settings, "cart.error_rate") == "on"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(interrupted())
    assert _flag(settings, "cart.error_rate") == "off"
    assert not _journal(settings).exists()


def test_a_killed_run_is_put_right_by_the_next(settings: Settings) -> None:
    """Its journal says what is left to do; a supervisor that still runs is the same stack."""
    lock = StateLock(settings)
    lock.acquire()

    def killed() -> tuple[str, str]:
        return _journal(settings).read_text(), settings.flags_file.read_text()

    journal, flags = _during(settings, SetFault(fault="cart.error_rate=0.5"), killed)
    _journal(settings).write_text(journal)
    settings.flags_file.write_text(flags)
    assert Journal(settings).replay() == 1
    assert _flag(settings, "cart.error_rate") == "off"
    assert Journal(settings).replay() == 0
    lock.release()


def test_what_belongs_to_an_earlier_stack_is_forgotten(settings: Settings) -> None:
    """But files are put back, since they outlive it."""
    path = settings.state_dir / "written"
    path.write_text("by the drill")
    entries = [
        {"kind": "replicas", "service": "worker", "replicas": 3},
        FileWas(path=str(path), content="before").model_dump(),
    ]
    _journal(settings).write_text(json.dumps({"supervisor": 1, "entries": entries}))
    assert Journal(settings).replay() == 1
    assert path.read_text() == "before"


def test_nothing_is_asked_of_a_stack_that_is_gone(settings: Settings) -> None:
    """A drill during which the stack was stopped leaves nothing that could be put back."""
    entries = [{"kind": "replicas", "service": "worker", "replicas": 1}]
    _journal(settings).write_text(json.dumps({"supervisor": None, "entries": entries}))
    assert Journal(settings).left
    assert Journal(settings).replay() == 0
    assert not Journal(settings).left


def test_what_cannot_be_put_back_keeps_nothing_else_from_it(settings: Settings) -> None:
    """It is named and stays in the journal for the next run."""
    stage = _stage(settings)

    async def play() -> None:
        fault = SetFault(fault="cart.error_rate=0.5")
        async with fault.applied(stage), Write(write="written", content="x").applied(stage):
            (settings.state_dir / "written").unlink()
            (settings.state_dir / "written").mkdir()

    asyncio.run(play())
    assert _flag(settings, "cart.error_rate") == "off"
    (failure,) = stage.journal.failures
    assert "written" in failure
    with pytest.raises(UsageError, match=r"not all could be put back.*written"):
        Journal(settings).replay()
    (settings.state_dir / "written").rmdir()
    assert Journal(settings).replay() == 1
    assert not Journal(settings).left


def test_an_act_that_fails_beside_the_drill_is_not_passed_over(settings: Settings) -> None:
    """Whether it lasts some seconds or goes on again and again."""
    short = SetFault(fault="cart.error_rate=nonsense", seconds=5)
    with pytest.raises(UsageError, match="nonsense"):
        _during(settings, short, lambda: None)
    (settings.state_dir / "no.db").write_text("no database at all, not even a small one")
    with pytest.raises(sqlite3.DatabaseError):
        _during(settings, Lock(lock="no.db"), lambda: None)


def test_a_frozen_process_goes_on(settings: Settings, sleeper: psutil.Process) -> None:
    """Unless another one has its number by now, which nobody has frozen."""
    sleeper.suspend()
    eventually(lambda: sleeper.status() == psutil.STATUS_STOPPED, within=5, what="it is frozen")
    Ran(pid=sleeper.pid, created=sleeper.create_time() - 5).restore(settings)
    assert sleeper.status() == psutil.STATUS_STOPPED
    Ran(pid=sleeper.pid, created=sleeper.create_time()).restore(settings)
    eventually(lambda: sleeper.status() != psutil.STATUS_STOPPED, within=5, what="it goes on")


def test_a_journal_that_cannot_be_read_is_named(settings: Settings) -> None:
    """With what to do about it."""
    _journal(settings).write_text("{")
    with pytest.raises(UsageError, match=r"drill.json cannot be read.*delete it"):
        Journal(settings).replay()


def test_a_file_is_written_and_gone(settings: Settings) -> None:
    """One that was there has its content again."""
    new, old = settings.state_dir / "new", settings.state_dir / "old"
    old.write_text("before")
    assert _during(settings, Write(write="new", content="x"), new.read_text) == "x"
    assert _during(settings, Write(write="old", content="x"), old.read_text) == "x"
    assert not new.exists()
    assert old.read_text() == "before"


def test_a_blocked_file_cannot_be_written(settings: Settings) -> None:
    """And is whole afterwards."""
    path = settings.state_dir / "trail"
    path.write_text("one\n")

    def blocked() -> bool:
        try:
            path.open("a").close()
        except IsADirectoryError:
            return True
        return False

    assert _during(settings, Block(block="trail"), blocked)
    assert path.read_text() == "one\n"


def test_a_locked_database_can_be_read_and_not_written(settings: Settings) -> None:
    """Until it is free again."""
    path = settings.state_dir / "some.db"
    database = sqlite3.connect(path, timeout=0, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE things (name)")

    def write() -> str:
        try:
            database.execute("INSERT INTO things VALUES ('x')")
        except sqlite3.OperationalError as error:
            return str(error)
        return "written"

    assert _during(settings, Lock(lock="some.db"), write) == "database is locked"
    assert write() == "written"
    database.close()


def test_what_is_not_there_cannot_be_locked_or_blocked(settings: Settings) -> None:
    """A scenario whose file is gone says so rather than to make one."""
    for act in (Lock(lock="gone.db"), Block(block="gone")):
        with pytest.raises(UsageError, match="there is no"):
            _during(settings, act, lambda: None)
    assert not (settings.state_dir / "gone.db").exists()
