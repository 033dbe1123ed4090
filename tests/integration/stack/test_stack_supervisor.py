"""The supervisor from inside: changes against the stop, and errors that nobody foresaw."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from observability.exits import UsageError
from observability.settings import Settings
from observability.stack import state
from observability.stack.compiler import BuildError
from observability.stack.config import load_config
from observability.stack.plan import make_plan
from observability.stack.process import Process, State
from observability.stack.servers import Servers
from observability.stack.supervisor import Supervisor
from tests.support.waiting import eventually_async

from .conftest import APP, free_row


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A project with one service, and its state folder."""
    (tmp_path / "tiny.py").write_text(APP)
    (tmp_path / "belfry.toml").write_text(
        f'[services.hello]\napp = "tiny:app"\nport = {free_row(2)}\nscalable = true\n'
    )
    made = Settings(
        state_dir=tmp_path / "state",
        config=tmp_path / "belfry.toml",
        cache_dir=tmp_path / "cache",
        ignore_path=True,
    )
    state.prepare(made)
    return made


def supervisor_of(settings: Settings, *names: str) -> Supervisor:
    """A supervisor of these names; two replicas of the service."""
    servers = Servers(settings)
    plan = make_plan(
        settings,
        load_config(settings.config),
        servers.needs,
        only=names,
        scale={"hello": 2},
    )
    return Supervisor(plan, servers)


@pytest.fixture
async def supervisor(settings: Settings) -> AsyncIterator[Supervisor]:
    """Two replicas of a service, ready."""
    made = supervisor_of(settings, "hello")
    await made.start()
    await eventually_async(lambda: made.settled, within=60, what="ready")
    yield made
    await made.stop()


async def test_nothing_that_a_restart_starts_outlives_the_stop(supervisor: Supervisor) -> None:
    """Stopped in the middle of a restart of two: afterwards neither runs."""
    restart = asyncio.create_task(supervisor.restart("hello"))
    await asyncio.sleep(0.01)
    processes = list(supervisor.processes.values())

    await supervisor.stop()
    with pytest.raises(UsageError, match="being stopped"):
        await restart
    await asyncio.sleep(0.5)

    assert {(one.state, one.pid) for one in processes} == {(State.STOPPED, None)}


async def test_no_change_is_taken_up_after_the_stop(supervisor: Supervisor) -> None:
    """A command that comes too late hears why."""
    await supervisor.stop()

    for change in (supervisor.restart("hello"), supervisor.scale("hello", 2)):
        with pytest.raises(UsageError, match="being stopped"):
            await change
    assert not any(one.pid for one in supervisor.processes.values())


async def test_housekeeping_goes_on_after_an_error_that_nobody_foresaw(
    supervisor: Supervisor, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with the targets, logs are still kept within bounds, and it is noted."""

    def broken() -> None:
        raise ValueError("a strange file")

    monkeypatch.setattr(supervisor._external, "follow", broken)
    log = settings.logs_dir / "hello-1.log"
    with log.open("ab") as file:
        file.write(b"x" * 10_100_000)

    await eventually_async(lambda: log.stat().st_size < 1_000_000, what="the log cut")
    journal = (settings.logs_dir / "supervisor.log").read_text()
    assert journal.count("targets: ValueError: a strange file") == 1


async def test_a_build_that_breaks_down_keeps_no_other_from_its_turn(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each that failed says so, with a way to try again; what was written is in its log."""
    tried: list[str] = []

    async def build(_: Servers, name: str, *__: object) -> None:
        tried.append(name)
        if name == "collector":
            raise RuntimeError("out of luck")
        raise BuildError(f"{name} could not be built", ["main.go:1: undefined: luck"])

    monkeypatch.setattr(Servers, "build", build)
    made = supervisor_of(settings, "collector", "jaeger")
    await made.start()
    try:
        await eventually_async(lambda: made.settled, what="both failed")
        assert tried == ["collector", "jaeger"]
        collector, jaeger = (made.processes[f"{name}-1"] for name in tried)
        assert _why(collector) == "out of luck; then `belfry restart collector`"
        assert _why(jaeger) == "jaeger could not be built; then `belfry restart jaeger`"
        assert jaeger.log.read_text() == "main.go:1: undefined: luck\njaeger could not be built\n"
    finally:
        await made.stop()


def _why(process: Process) -> str:
    assert process.state is State.FAILED
    return process.reason
