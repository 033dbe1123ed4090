"""What a service does again and again."""

import asyncio

import pytest

from services.kit.periodic import repeating
from services.kit.problems import Problem
from tests.support.waiting import eventually_async


async def test_work_is_repeated_whatever_it_raises_and_ends_with_the_block(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is away is a warning; what nobody thought of is logged with where it came from."""
    done = 0

    async def work() -> None:
        nonlocal done
        done += 1
        if done == 1:
            raise Problem(503, "Database unavailable", "It does not answer.")
        if done == 2:
            raise RuntimeError("nobody thought of this")

    async with repeating(0.01, work, "work_failed"):
        await eventually_async(lambda: done >= 4)
    ended_at = done
    await asyncio.sleep(0.05)
    assert done == ended_at
    written = capsys.readouterr().out
    assert written.count('"event":"work_failed"') == 2
    assert "It does not answer." in written
    assert "nobody thought of this" in written
