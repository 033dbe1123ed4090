"""What a service does again and again beside its requests, whatever goes wrong in between."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from observability import get_logger
from services.kit.problems import Problem

Step = Callable[[], Awaitable[bool]]

log = get_logger(__name__)


@asynccontextmanager
async def periodic(name: str, step: Step, seconds: float) -> AsyncIterator[None]:
    """Do a step every so often while in here.

    Args:
        name: what is done, for the log.
        step: returns whether more is waiting: then it is done again at once.
        seconds: the pause in between.
    """
    task = asyncio.create_task(_for_ever(name, step, seconds), name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _for_ever(name: str, step: Step, seconds: float) -> None:
    while True:
        more = False
        try:
            more = await step()
        except Problem as problem:
            log.warning("periodic_task_waits", task=name, reason=problem.detail)
        except Exception:
            # Whatever it is: were this to end, it would never be done again.
            log.exception("periodic_task_failed", task=name)
        if not more:
            await asyncio.sleep(seconds)
