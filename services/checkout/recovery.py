"""Brings orders to an end that were left half-way: by a crash, or because a service was away."""

import asyncio
from datetime import timedelta

from observability import gauge, get_logger
from services.checkout.progress import Progress
from services.checkout.saga import Saga
from services.kit.database import utc_now
from services.kit.problems import Problem

AT_A_TIME = 5
UNFINISHED = gauge(
    "shop_orders_unfinished",
    "Orders neither shipped nor cancelled yet; every replica of checkout sees the same ones.",
)
OLDEST = gauge(
    "shop_orders_unfinished_oldest_age_seconds",
    "Age of the oldest order neither shipped nor cancelled yet; 0 without one.",
)

log = get_logger(__name__)


class Recovery:
    """Looks for abandoned orders.

    Args:
        progress: where to look.
        saga: drives what is found.
        parcel_seconds: after how long a paid order without a parcel counts as forgotten.
    """

    def __init__(self, progress: Progress, saga: Saga, parcel_seconds: float) -> None:
        self._progress = progress
        self._saga = saga
        self._parcel_within = timedelta(seconds=parcel_seconds)

    async def resume_abandoned(self) -> bool:
        """Go on with some orders that nobody works on; returns whether to look again at once.

        Not if none of them could be helped: whatever is away is not to be asked without a pause.
        """
        await self._progress.call_for_parcels(utc_now() - self._parcel_within, AT_A_TIME)
        found = await self._progress.abandoned(AT_A_TIME)
        helped = await asyncio.gather(*(self._resume(order.id) for order in found))
        return len(found) == AT_A_TIME and any(helped)

    async def count_unfinished(self) -> bool:
        """Measure what is left to be done."""
        count, oldest = await self._progress.unfinished()
        UNFINISHED.set(count)
        OLDEST.set((utc_now() - oldest).total_seconds() if oldest else 0)
        return False

    async def _resume(self, order_id: str) -> bool:
        try:
            await self._saga.resume(order_id)
        except Problem as problem:
            log.warning("order_waits", order_id=order_id, reason=problem.detail)
        except Exception:
            log.exception("order_resume_failed", order_id=order_id)
        else:
            return True
        return False
