"""The payment provider, simulated: it keeps accounts of its own and never charges twice.

As with a real one the card number goes in once and a token comes out; only the token is kept.
"""

import secrets
from collections.abc import Callable
from enum import StrEnum

from sqlalchemy import select, update

from observability import audit, counter, get_logger
from services.checkout.model import Payment
from services.kit.database import Database, utc_now

DECLINED_CARDS = "0002"
"""Last digits of cards that are always declined."""

log = get_logger(__name__)


class Status(StrEnum):
    """What became of a payment."""

    CHARGED = "charged"
    DECLINED = "declined"
    REFUNDED = "refunded"
    VOID = "void"
    """Called off before it was asked for: a belated charge is refused."""


OUTCOMES = counter(
    "shop_payments_total",
    "Payments by how they ended.",
    ["outcome"],
    shown=[Status.CHARGED, Status.DECLINED, Status.REFUNDED],
)


def tokenize(card_number: str) -> str:
    """A token for a card; knowing it tells no more than whether the card is a declined one."""
    kind = "declined" if digits(card_number).endswith(DECLINED_CARDS) else "card"
    return f"{kind}_{secrets.token_hex(8)}"


def digits(card_number: str) -> str:
    """The digits of a card number."""
    return "".join(character for character in card_number if character.isdigit())


class Payments:
    """Charges and refunds, at most one each for an order.

    Args:
        db: where the provider keeps its accounts.
        fails: whether a charge is to be declined for no reason of the card's.
    """

    def __init__(self, db: Database, fails: Callable[[], bool] = lambda: False) -> None:
        self._db = db
        self._fails = fails

    async def charge(self, order_id: str, token: str, amount_cents: int) -> bool:
        """Take the money; False if declined. Asked again it gives the same answer."""
        declined = token.startswith("declined_") or self._fails()
        wanted = Status.DECLINED if declined else Status.CHARGED
        status, new = await self._settle(order_id, amount_cents, wanted)
        if new:
            OUTCOMES.labels(status).inc()
            log.info("payment_settled", order_id=order_id, outcome=status, cents=amount_cents)
        return status == Status.CHARGED

    async def refund(self, order_id: str) -> bool:
        """Give the money back; False if none was taken, and then none will be. May be repeated."""
        status, _ = await self._settle(order_id, 0, Status.VOID)
        refunded = (
            update(Payment)
            .where(Payment.order_id == order_id, Payment.status == Status.CHARGED)
            .values(status=Status.REFUNDED, refunded_at=utc_now())
            .returning(Payment.amount_cents)
            .execution_options(synchronize_session=False)
        )
        async with self._db.session() as session:
            cents = await session.scalar(refunded)
        if cents is not None:
            OUTCOMES.labels(Status.REFUNDED).inc()
            log.info("payment_settled", order_id=order_id, outcome=Status.REFUNDED, cents=cents)
            audit("refund", actor="checkout", target=f"order {order_id}", cents=cents)
        return cents is not None or status == Status.REFUNDED

    async def _settle(self, order_id: str, cents: int, wanted: Status) -> tuple[str, bool]:
        """Store an outcome unless there is one; returns the one that holds and if it is new."""
        insert = self._db.insert(Payment).values(
            order_id=order_id, amount_cents=cents, status=wanted, created_at=utc_now()
        )
        insert = insert.on_conflict_do_nothing(index_elements=["order_id"])
        async with self._db.session() as session:
            new = await session.scalar(insert.returning(Payment.order_id)) is not None
            held = select(Payment.status).where(Payment.order_id == order_id)
            return str((await session.scalars(held)).one()), new
