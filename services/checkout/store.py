"""What all changes of an order are made of, each within the caller's transaction."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.checkout.model import Order, SagaStep, Status
from services.kit.database import utc_now

Conditions = Iterable[ColumnElement[bool]]


async def change(session: AsyncSession, where: Conditions, values: dict[str, Any]) -> Order | None:
    """Change the order for which all conditions hold; None if there is none."""
    statement = (
        update(Order)
        .where(*where)
        .values(**values)
        .returning(Order)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def ship(session: AsyncSession, order_id: str) -> Order | None:
    """Note that a paid order has its parcel; None if that is known, or it is not paid."""
    paid = [Order.id == order_id, Order.status == Status.PAID]
    return await change(session, paid, {"status": Status.SHIPPED})


def note(session: AsyncSession, order_id: str, step: str, state: str) -> None:
    """Add a step to what the customer sees of the order's way."""
    session.add(SagaStep(order_id=order_id, step=step, state=state, at=utc_now()))


async def steps_of(session: AsyncSession, order_ids: Sequence[str]) -> list[SagaStep]:
    """The steps of some orders, oldest first."""
    wanted = select(SagaStep).where(SagaStep.order_id.in_(order_ids)).order_by(SagaStep.id)
    return list(await session.scalars(wanted))
