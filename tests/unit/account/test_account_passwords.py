"""Hashing passwords: so many at a time, and the rest told at once."""

import asyncio

import pytest

from services.account.passwords import MOST_AT_ONCE, Passwords
from services.kit.problems import Problem
from tests.support.waiting import eventually_async


async def test_who_would_wait_too_long_is_told_at_once() -> None:
    passwords = Passwords()
    tries = [passwords.verify(None, "guess") for _ in range(3 * MOST_AT_ONCE)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    refused = [one for one in results if isinstance(one, Problem)]
    assert len(refused) == 2 * MOST_AT_ONCE
    assert {(one.status, one.headers["Retry-After"]) for one in refused} == {(503, "1")}
    assert await passwords.verify(await passwords.hash("right"), "right")


async def test_work_that_nobody_waits_for_any_more_still_counts() -> None:
    """It is done all the same: room is made by its end, not by who gives up."""
    passwords = Passwords()
    work = [asyncio.create_task(passwords.hash("x")) for _ in range(MOST_AT_ONCE)]
    await asyncio.sleep(0)
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    with pytest.raises(Problem):
        await passwords.hash("x")
    await eventually_async(lambda: not passwords._at_work, within=60, what="the end of the work")
    assert await passwords.hash("x")
