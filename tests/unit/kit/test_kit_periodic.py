"""What a service does again and again."""

import asyncio

import pytest

from services.kit.periodic import periodic
from services.kit.problems import Problem
from tests.support.waiting import eventually_async


async def test_a_step_is_repeated_whatever_it_raises_and_ends_with_the_block(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is away is a warning; what nobody thought of is logged with where it came from."""
    done = 0

    async def step() -> bool:
        nonlocal done
        done += 1
        if done == 1:
            raise Problem(503, "Database unavailable", "It does not answer.")
        if done == 2:
            raise RuntimeError("nobody thought of this")
        return False

    async with periodic("work", step, 0.01):
        await eventually_async(lambda: done >= 4)
    ended_at = done
    await asyncio.sleep(0.05)
    assert done == ended_at
    written = capsys.readouterr().out
    assert written.count('"event":"periodic_task_waits"') == 1
    assert "It does not answer." in written
    assert written.count('"event":"periodic_task_failed"') == 1
    assert "nobody thought of this" in written


async def test_a_step_that_leaves_something_to_do_is_repeated_at_once() -> None:
    """Whatever the pause."""
    done = 0

    async def step() -> bool:
        nonlocal done
        done += 1
        return done < 5

    async with periodic("work", step, 3600):
        await eventually_async(lambda: done == 5)
