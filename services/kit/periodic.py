"""Work that a service does again and again beside its requests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from observability import get_logger
from services.kit.problems import Problem

log = get_logger(__name__)


@asynccontextmanager
async def repeating(
    seconds: float, work: Callable[[], Awaitable[object]], failed: str
) -> AsyncIterator[None]:
    """Do the work while in here, first at once, then `seconds` after its last end.

    Nothing that it raises ends the repetition.

    Args:
        seconds: the pause in between.
        work: called without arguments; what it returns does not matter.
        failed: the event that is logged when it raises, a constant such as `sweep_failed`.
    """
    task = asyncio.create_task(_for_ever(seconds, work, failed), name=failed)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _for_ever(seconds: float, work: Callable[[], Awaitable[object]], failed: str) -> None:
    while True:
        try:
            await work()
        except Problem as problem:  # something is away, and has said so itself
            log.warning(failed, reason=problem.detail)
        except Exception:
            log.exception(failed)
        await asyncio.sleep(seconds)
