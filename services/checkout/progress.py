"""Who works on an order and how it moves on: one worker at a time, one step at a time.

Each move is a conditional UPDATE on the step it is made from. Should two workers drive the same
order after all, because one of them was taken for dead, only one of them gets to make the move.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.checkout.model import Order, Outbox, Status, Step
from services.checkout.store import Conditions, change, note, ship, steps_of
from services.checkout.views import event_of, order_body
from services.kit.database import Database, utc_now
from services.kit.outbox import record


@dataclass(frozen=True, slots=True)
class Move:
    """From one step to the next, and what else changes with it, in one commit."""

    done: Step
    state: str
    """How the step went, for the customer to see."""
    then: Step | None
    values: dict[str, Any] = field(default_factory=dict)
    event: str | None = None
    answers: bool = False
    """The request that placed the order gets its answer by this move."""


class Progress:
    """The orders that something is to be done for.

    Args:
        db: the checkout service's database.
        lease_seconds: after how long without a move an order counts as abandoned.
    """

    def __init__(self, db: Database, lease_seconds: float) -> None:
        self._db = db
        self._lease = timedelta(seconds=lease_seconds)

    async def abandoned(self, limit: int) -> list[Order]:
        """Orders with something to be done and nobody at work on them.

        Those come first that have been left longest: one that was tried in vain goes to the end.
        """
        wanted = select(Order).where(Order.next_step.is_not(None), _is_free())
        longest_left = Order.driven_until.nulls_first()
        async with self._db.read() as session:
            return list(await session.scalars(wanted.order_by(longest_left).limit(limit)))

    async def call_for_parcels(self, paid_before: datetime, limit: int) -> None:
        """Have checkout itself ask for the parcels of orders that nobody seems to ship.

        The message that asks for one may have ended as a dead letter, and so may its answer.

        Args:
            paid_before: which have waited for too long.
            limit: how many are asked for at a time: shipping may be away, or have much to do.
        """
        waiting = [Order.status == Status.PAID, Order.next_step.is_(None)]
        overdue = select(Order.id).where(*waiting, Order.paid_at < paid_before)
        asked = select(func.count()).where(Order.next_step == Step.PARCEL)
        async with self._db.read() as session:
            room = limit - (await session.scalar(asked) or 0)
            ids = list(await session.scalars(overdue.order_by(Order.paid_at).limit(max(0, room))))
        for order_id in ids:
            values = {"next_step": Step.PARCEL, "driven_until": None}
            await self._change([Order.id == order_id, *waiting], values)

    async def unfinished(self) -> tuple[int, datetime | None]:
        """How many orders are neither shipped nor cancelled, and since when the oldest is."""
        found = select(func.count(), func.min(Order.created_at)).where(
            Order.status.in_([Status.PENDING, Status.PAID])
        )
        async with self._db.read() as session:
            count, oldest = (await session.execute(found)).one()
        return count, oldest

    async def ship(self, order_id: str) -> Order | None:
        """Note that a paid order has its parcel; None if that is known."""
        async with self._db.session() as session:
            return await ship(session, order_id)

    async def take(self, order_id: str, driver: str) -> Order | None:
        """Become the one at work on an order; None if another is or nothing is to be done."""
        return await self._change(
            [Order.id == order_id, Order.next_step.is_not(None), _is_free()],
            {"driven_by": driver, "driven_until": utc_now() + self._lease},
        )

    async def put_off(self, order_id: str, driver: str, seconds: float) -> None:
        """Leave an order to whoever comes next, for some time to nobody."""
        until = utc_now() + timedelta(seconds=seconds)
        mine = [Order.id == order_id, Order.driven_by == driver]
        await self._change(mine, {"driven_until": until})

    async def interrupt(
        self, order: Order, then: Step, driver: str, values: dict[str, Any]
    ) -> Order | None:
        """Turn an order onto another way, whoever is at work on it; None if it has moved on.

        Args:
            order: as it was seen last.
            then: the next step.
            driver: who is going to drive it.
            values: what else changes with it.
        """
        at = Order.next_step
        step = at.is_(None) if order.next_step is None else at == order.next_step
        return await self._change(
            [Order.id == order.id, Order.status == order.status, step],
            {
                "next_step": then,
                "driven_by": driver,
                "driven_until": utc_now() + self._lease,
                **values,
            },
        )

    async def move(self, order: Order, move: Move) -> Order | None:
        """Make a move; None if another worker has made one from the same step."""
        values: dict[str, Any] = {
            "next_step": move.then,
            "driven_until": utc_now() + self._lease if move.then else None,
            **move.values,
        }
        where = [Order.id == order.id, Order.next_step == move.done]
        async with self._db.session() as session:
            moved = await change(session, where, values)
            if moved is None:
                return None
            note(session, order.id, move.done, move.state)
            if move.event:
                record(session, Outbox, move.event, event_of(moved))
            if move.answers and moved.answer is None:
                moved = await _answer(session, moved)
        return moved

    async def _change(self, where: Conditions, values: dict[str, Any]) -> Order | None:
        async with self._db.session() as session:
            return await change(session, where, values)


def _is_free() -> ColumnElement[bool]:
    return or_(Order.driven_until.is_(None), Order.driven_until < utc_now())


async def _answer(session: AsyncSession, order: Order) -> Order | None:
    """Settle what the request that placed the order is answered, now and when repeated."""
    await session.flush()
    answer = order.reason or {
        "status": 201,
        "body": order_body(order, await steps_of(session, [order.id])),
    }
    return await change(session, [Order.id == order.id], {"answer": answer})
