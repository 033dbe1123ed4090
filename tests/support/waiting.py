"""Waiting for what is about to be, never longer than is said."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def eventually(
    ask: Callable[[], Found | None],
    within: float = 20.0,
    what: str = "what the test waits for",
    every: float = 0.1,
) -> Found:
    """The first true answer of `ask` within so many seconds; else a failure naming `what`."""
    deadline = time.monotonic() + within
    while not (found := ask()):
        assert time.monotonic() < deadline, f"not within {within:.0f} s: {what}"
        time.sleep(every)
    return found


async def eventually_async(
    ask: Callable[[], Found | None],
    within: float = 20.0,
    what: str = "what the test waits for",
    every: float = 0.02,
) -> Found:
    """`eventually` beside other tasks of the event loop."""
    deadline = time.monotonic() + within
    while not (found := ask()):
        assert time.monotonic() < deadline, f"not within {within:.0f} s: {what}"
        await asyncio.sleep(every)
    return found
