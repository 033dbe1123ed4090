"""Work in the background that an error interrupts but does not end."""

import asyncio
from collections.abc import Awaitable, Callable

from observability import counter, get_logger

FAILURES = counter(
    "background_task_failures_total",
    "Steps of a background task that failed; the task went on.",
    ["task"],
)
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 30.0
log = get_logger(__name__)


async def forever(
    task: str,
    step: Callable[[], Awaitable[None]],
    *,
    every: float = 0.0,
    until: Callable[[], bool] = lambda: False,
) -> None:
    """Take a step again and again, until cancelled.

    An error is logged and counted, and the step is taken again: after a second, then twice as
    long each time up to half a minute, for as long as it fails.

    Args:
        task: What the steps are for: the label of the counter, one of few.
        step: One step; it may wait for its turn.
        every: Seconds between two steps.
        until: Asked before each step; true ends it.
    """
    FAILURES.labels(task)
    wait = _FIRST_WAIT_SECONDS
    while not until():
        try:
            await step()
        except Exception as error:
            FAILURES.labels(task).inc()
            log.error("background_task_failed", task=task, exc_info=error)
            await asyncio.sleep(max(every, wait))
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
        else:
            wait = _FIRST_WAIT_SECONDS
            await asyncio.sleep(every)
