"""A background task goes on after any error, and says that there was one."""

import asyncio

import pytest

from observability import forever
from observability.instrumentation.metrics import registry


def failures(task: str) -> float | None:
    """What the counter says."""
    return registry.get_sample_value("background_task_failures_total", {"task": task})


async def test_an_error_is_counted_logged_and_the_next_step_taken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a pause that doubles while it fails, and is short again once it does not."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("observability.forever.asyncio.sleep", pause)
    steps = iter([None, OSError("disk full"), KeyError("x"), None, OSError("again"), None])
    done = 0

    async def step() -> None:
        nonlocal done
        done += 1
        error = next(steps)
        if error is not None:
            raise error

    await forever.forever("test-errors", step, every=0.5, until=lambda: done == 6)
    assert pauses == [0.5, 1, 2, 0.5, 1, 0.5]
    assert failures("test-errors") == 3
    written = capsys.readouterr().out
    assert written.count("background_task_failed") == 3
    assert "disk full" in written


async def test_it_ends_when_it_is_cancelled() -> None:
    """And has counted nothing: the series is there from the start."""

    async def step() -> None:
        await asyncio.sleep(60)

    task = asyncio.create_task(forever.forever("test-cancelled", step))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert failures("test-cancelled") == 0
