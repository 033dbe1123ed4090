"""Brings orders to an end that were left half-way: by a crash, or because a service was away."""

import asyncio

from observability import get_logger
from services.checkout.progress import Progress
from services.checkout.saga import Saga
from services.kit.problems import Problem

AT_A_TIME = 5

log = get_logger(__name__)


class Recovery:
    """Looks for abandoned orders.

    Args:
        progress: where to look.
        saga: drives what is found.
        seconds: how often.
    """

    def __init__(self, progress: Progress, saga: Saga, seconds: float) -> None:
        self._progress = progress
        self._saga = saga
        self._seconds = seconds

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.resume_abandoned()
            except Problem as problem:
                log.warning("recovery_waits", reason=problem.detail)
            except Exception:
                log.exception(
                    "recovery_failed"
                )  # once; without recovery orders would hang for good
            await asyncio.sleep(self._seconds)

    async def resume_abandoned(self) -> int:
        """Go on with some orders that nobody works on; returns how many."""
        found = await self._progress.abandoned(AT_A_TIME)
        await asyncio.gather(*(self._resume(order.id) for order in found))
        return len(found)

    async def _resume(self, order_id: str) -> None:
        try:
            await self._saga.resume(order_id)
        except Problem as problem:
            log.warning("order_waits", order_id=order_id, reason=problem.detail)
        except Exception:
            log.exception("order_resume_failed", order_id=order_id)
