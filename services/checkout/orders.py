"""The orders in the database: placed once for a key, and looked up."""

import uuid
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from observability import capture_context
from services.checkout.basket import CURRENCY, Basket
from services.checkout.model import Order, Outbox, SagaStep, Status, Step
from services.checkout.store import note, steps_of
from services.checkout.views import event_of
from services.kit.auth import User
from services.kit.database import Database, utc_now
from services.kit.outbox import record

PAGE_SIZE = 50

Steps = list[SagaStep]


@dataclass(frozen=True, slots=True)
class Request:
    """What a customer asked for; the card number is already gone."""

    key: str
    fingerprint: str
    address: dict[str, str]
    shipping_method: str
    payment_token: str
    source: str
    """Address that it came from."""


class Orders:
    """All orders.

    Args:
        db: the checkout service's database.
        lease_seconds: after how long without a move an order counts as abandoned.
    """

    def __init__(self, db: Database, lease_seconds: float) -> None:
        self._db = db
        self._lease = timedelta(seconds=lease_seconds)

    async def place(
        self, user: User, request: Request, basket: Basket, driver: str
    ) -> tuple[Order, bool]:
        """Store a new order and its event; or return the one placed under the same key."""
        values = {
            "id": uuid.uuid4().hex,
            "account_id": user.id,
            "customer": {"email": user.email, "name": user.name},
            "idempotency_key": request.key,
            "fingerprint": request.fingerprint,
            "status": Status.PENDING,
            "lines": [asdict(line) for line in basket.lines],
            "cart_revision": basket.cart_revision,
            "subtotal_cents": basket.subtotal_cents,
            "shipping_cents": basket.shipping_cents,
            "total_cents": basket.total_cents,
            "currency": CURRENCY,
            "address": request.address,
            "shipping_method": request.shipping_method,
            "payment_token": request.payment_token,
            "next_step": Step.RESERVE,
            "driven_by": driver,
            "driven_until": utc_now() + self._lease,
            "source": request.source,
            "headers": capture_context({}),
            "created_at": utc_now(),
        }
        insert = self._db.insert(Order).values(**values)
        insert = insert.on_conflict_do_nothing(index_elements=["account_id", "idempotency_key"])
        async with self._db.session() as session:
            new = await session.scalar(insert.returning(Order.id)) is not None
            order = await _by_key(session, user.id, request.key)
            if order is None:
                raise RuntimeError("an order that conflicts with an insert is not there")
            if new:
                note(session, order.id, "place", "done")
                record(session, Outbox, "order.placed", event_of(order))
        return order, new

    async def by_key(self, account_id: str, key: str) -> Order | None:
        """The order that was placed under an idempotency key, if any."""
        async with self._db.read() as session:
            return await _by_key(session, account_id, key)

    async def get(self, order_id: str) -> Order | None:
        """One order, if there is such."""
        async with self._db.read() as session:
            return await session.get(Order, order_id)

    async def of(self, account_id: str, page: int) -> tuple[list[tuple[Order, Steps]], int]:
        """A page of an account's orders with their steps, latest first; and how many there are."""
        mine = Order.account_id == account_id
        latest = select(Order).where(mine).order_by(Order.created_at.desc(), Order.id)
        async with self._db.read() as session:
            total = await session.scalar(select(func.count()).select_from(Order).where(mine))
            found = await session.scalars(latest.offset((page - 1) * PAGE_SIZE).limit(PAGE_SIZE))
            orders = list(found)
            steps = await steps_of(session, [order.id for order in orders])
        each = [(order, [s for s in steps if s.order_id == order.id]) for order in orders]
        return each, total or 0

    async def with_steps(self, order_id: str) -> tuple[Order, Steps] | None:
        """One order and its steps, if there is such."""
        async with self._db.read() as session:
            order = await session.get(Order, order_id)
            return None if order is None else (order, await steps_of(session, [order_id]))


async def _by_key(session: AsyncSession, account_id: str, key: str) -> Order | None:
    wanted = select(Order).where(Order.account_id == account_id, Order.idempotency_key == key)
    return await session.scalar(wanted)
