"""Stock set aside for orders: never more than there is, never twice, never for ever.

Every step is a conditional UPDATE, so that the database decides who was first, however many
replicas run. Rows are locked in one order (the reservation, then its products by id): no deadlock.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.model import Product, Reservation, ReservationLine, Status
from services.kit.database import Database, utc_now
from services.kit.problems import Problem

SWEEP_BATCH = 100
Lines = dict[str, int]
"""Quantity by product id."""


def merged(lines: Iterable[tuple[str, int]]) -> Lines:
    """Lines of the same product added up, in the order in which rows are locked."""
    total: Counter[str] = Counter()
    for product_id, quantity in lines:
        total[product_id] += quantity
    return dict(sorted(total.items()))


class Reservations:
    """The reservations of all orders."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def hold(self, order_id: str, lines: Lines, lifetime: timedelta) -> Reservation:
        """Set the lines aside; a repeated call for the same order changes nothing.

        An expired reservation is made anew; a released one is not, since that order is off.

        Raises:
            Problem: 404 unknown product; 409 out of stock, or the reservation was released, or
                one for other lines exists.
        """
        async with self._db.session() as session:
            insert = self._db.insert(Reservation).values(
                order_id=order_id,
                status=Status.HELD,
                expires_at=utc_now() + lifetime,
                created_at=utc_now(),
            )
            statement = insert.on_conflict_do_nothing(index_elements=["order_id"])
            added = await session.scalar(statement.returning(Reservation.order_id))
            if added is not None:
                await _take(session, lines)
                await _store_lines(session, order_id, lines)
            else:
                await self._hold_again(session, order_id, lines, lifetime)
            return await session.get_one(Reservation, order_id, populate_existing=True)

    async def _hold_again(
        self, session: AsyncSession, order_id: str, lines: Lines, lifetime: timedelta
    ) -> None:
        """The order has a reservation already: keep it, or set its lines aside once more."""
        renewed = await _move(session, order_id, Status.EXPIRED, Status.HELD, lifetime)
        status = await _status(session, order_id)
        if status == Status.RELEASED:
            raise _closed(order_id)
        if await _lines(session, order_id) != lines:
            raise Problem(409, "Reservation differs", f"Order {order_id} has reserved other lines.")
        if renewed:
            await _take(session, lines)

    async def commit(self, order_id: str) -> Reservation:
        """Make the reservation final: it no longer expires.

        One that has expired meanwhile is made anew if the stock still allows.

        Raises:
            Problem: 404 there is none; 409 it was released, or it had expired and the stock is
                gone.
        """
        async with self._db.session() as session:
            committed = await _move(session, order_id, Status.HELD, Status.COMMITTED)
            if not committed and await _move(session, order_id, Status.EXPIRED, Status.COMMITTED):
                await _take(session, await _lines(session, order_id))
            reservation = await session.get(Reservation, order_id, populate_existing=True)
            if reservation is None:
                raise Problem(404, "No such reservation", f"Order {order_id} has reserved nothing.")
            if reservation.status == Status.RELEASED:
                raise _closed(order_id)
            return reservation

    async def release(self, order_id: str) -> bool:
        """Give the stock back, also that of a committed reservation; returns whether it was held.

        Releasing twice changes nothing. Releasing what was never held leaves a mark, so that a
        belated reservation of a cancelled order takes no stock.
        """
        async with self._db.session() as session:
            mark = self._db.insert(Reservation).values(
                order_id=order_id,
                status=Status.RELEASED,
                expires_at=utc_now(),
                created_at=utc_now(),
            )
            await session.execute(mark.on_conflict_do_nothing(index_elements=["order_id"]))
            for before in (Status.HELD, Status.COMMITTED):
                if await _move(session, order_id, before, Status.RELEASED):
                    await _put_back(session, await _lines(session, order_id))
                    return True
            await _move(session, order_id, Status.EXPIRED, Status.RELEASED)
            return False

    async def expire(self) -> list[str]:
        """Give back the stock of reservations past their time; returns their orders."""
        overdue = (
            select(Reservation.order_id)
            .where(Reservation.status == Status.HELD, Reservation.expires_at < utc_now())
            .order_by(Reservation.expires_at)
            .limit(SWEEP_BATCH)
        )
        async with self._db.read() as session:
            candidates = list(await session.scalars(overdue))
        return [order_id for order_id in candidates if await self._expire(order_id)]

    async def _expire(self, order_id: str) -> bool:
        async with self._db.session() as session:
            expired = await _move(session, order_id, Status.HELD, Status.EXPIRED)
            if expired:
                await _put_back(session, await _lines(session, order_id))
        return expired


async def _move(
    session: AsyncSession,
    order_id: str,
    before: Status,
    after: Status,
    lifetime: timedelta | None = None,
) -> bool:
    """From one status to another, unless another request has done so; returns whether we did."""
    values: dict[str, object] = {"status": after}
    if lifetime is not None:
        values["expires_at"] = utc_now() + lifetime
    statement = (
        update(Reservation)
        .where(Reservation.order_id == order_id, Reservation.status == before)
        .values(**values)
        .returning(Reservation.order_id)
        .execution_options(synchronize_session=False)
    )
    return await session.scalar(statement) is not None


async def _take(session: AsyncSession, lines: Lines) -> None:
    """Take the lines out of stock; the caller's transaction undoes it if one line fails."""
    for product_id, quantity in lines.items():
        statement = (
            update(Product)
            .where(Product.id == product_id, Product.stock >= quantity)
            .values(stock=Product.stock - quantity)
            .returning(Product.id)
            .execution_options(synchronize_session=False)
        )
        if await session.scalar(statement) is None:
            raise await _refusal(session, product_id, quantity)


async def _refusal(session: AsyncSession, product_id: str, quantity: int) -> Problem:
    product = await session.get(Product, product_id)
    if product is None:
        return Problem(
            404, "No such product", f"There is no product {product_id}.", product_id=product_id
        )
    return Problem(
        409,
        "Out of stock",
        f"{product.name}: {quantity} wanted, {product.stock} in stock.",
        product_id=product_id,
        product_name=product.name,
        available=product.stock,
    )


async def _put_back(session: AsyncSession, lines: Lines) -> None:
    for product_id, quantity in lines.items():
        await session.execute(
            update(Product)
            .where(Product.id == product_id)
            .values(stock=Product.stock + quantity)
            .execution_options(synchronize_session=False)
        )


async def _store_lines(session: AsyncSession, order_id: str, lines: Lines) -> None:
    session.add_all(
        ReservationLine(order_id=order_id, product_id=product_id, quantity=quantity)
        for product_id, quantity in lines.items()
    )
    await session.flush()


async def _lines(session: AsyncSession, order_id: str) -> Lines:
    rows = await session.scalars(
        select(ReservationLine).where(ReservationLine.order_id == order_id)
    )
    return merged((row.product_id, row.quantity) for row in rows)


async def _status(session: AsyncSession, order_id: str) -> str | None:
    statement = select(Reservation.status).where(Reservation.order_id == order_id)
    return await session.scalar(statement)


def _closed(order_id: str) -> Problem:
    return Problem(409, "Reservation released", f"Order {order_id} has given its stock back.")
