"""How an order gets from placed to paid, or back to as if it had never been.

    reserve_stock → charge → commit_stock → clear_cart          (then the parcel is waited for)
          └───────────┴──────────┴→ refund → release_stock → cancel
    a customer's change of mind after payment: call_off_shipment → refund → …
    a parcel the carrier refuses:                                  refund → …
    a parcel that nobody makes:                request_parcel     (→ refund → …)

Every step is stored before the next one begins and may be repeated: stock is reserved and money
taken once for an order however often asked. So after a crash anyone can go on from the stored step.
A cancelled order leaves marks at the catalog, the payment provider and shipping which refuse what
an earlier, belated attempt may still ask of them.
"""

import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta

from observability import continued, get_logger, span
from services.checkout.model import Order, Status, Step
from services.checkout.payment import Payments
from services.checkout.progress import Move, Progress
from services.checkout.statuses import entered
from services.checkout.upstream import Upstream
from services.kit.auth import TokenKey, User
from services.kit.database import utc_now
from services.kit.outbox import Relay
from services.kit.problems import Problem

PUT_OFF_SECONDS = 2.0
"""Pause after a step could not be done because another service was away."""
TOKEN_LIFETIME = timedelta(minutes=1)

log = get_logger(__name__)


class Saga:
    """Drives orders.

    Args:
        progress: the orders that something is to be done for.
        payments: the payment provider.
        upstream: the other services.
        relay: publishes the events.
        key: signs tokens for what is done on behalf of a customer who is not there any more.
    """

    def __init__(
        self,
        progress: Progress,
        payments: Payments,
        upstream: Upstream,
        relay: Relay,
        key: TokenKey,
    ) -> None:
        self._progress = progress
        self._payments = payments
        self._upstream = upstream
        self._relay = relay
        self._key = key
        self._perform: dict[Step, Callable[[Order], Awaitable[Move]]] = {
            Step.RESERVE: self._reserve,
            Step.CHARGE: self._charge,
            Step.COMMIT: self._commit,
            Step.CLEAR_CART: self._clear_cart,
            Step.PARCEL: self._request_parcel,
            Step.CALL_OFF: self._call_off,
            Step.REFUND: self._refund,
            Step.RELEASE: self._release,
            Step.CANCEL: self._cancel,
        }

    async def drive(self, order: Order, driver: str) -> None:
        """Do all that is to be done for an order that the driver has taken.

        Raises:
            Problem: another service is away; the order is tried again by `resume_abandoned`.
        """
        current: Order | None = order
        try:
            while current is not None and current.next_step is not None:
                current = await self._make(current, Step(current.next_step))
        except Problem:
            await self._progress.put_off(order.id, driver, PUT_OFF_SECONDS)
            raise
        finally:
            self._relay.wake()

    async def resume(self, order_id: str) -> None:
        """Go on with an order unless somebody else is at work on it.

        Raises:
            Problem: as for `drive`.
        """
        driver = new_driver()
        order = await self._progress.take(order_id, driver)
        if order is not None:
            with continued(dict(order.headers)), span("resume order", order_id=order_id):
                log.info("order_resumed", order_id=order_id, step=order.next_step)
                await self.drive(order, driver)

    async def _make(self, order: Order, step: Step) -> Order | None:
        """Do a step and store it; None if another worker was quicker."""
        move = await self._perform[step](order)
        moved = await self._progress.move(order, move)
        if moved is not None and "status" in move.values:
            entered(moved)
        return moved

    # -- the way ---------------------------------------------------------------------------------

    async def _reserve(self, order: Order) -> Move:
        try:
            await self._upstream.reserve(order.id, order.lines)
        except Problem as problem:
            return _turn_back(Step.RESERVE, "failed", _refused(problem))
        return Move(Step.RESERVE, "done", Step.CHARGE)

    async def _charge(self, order: Order) -> Move:
        if await self._payments.charge(order.id, order.payment_token, order.total_cents):
            return Move(Step.CHARGE, "done", Step.COMMIT)
        declined = Problem(402, "Payment declined", "The card was declined.")
        return _turn_back(Step.CHARGE, "declined", declined)

    async def _commit(self, order: Order) -> Move:
        try:
            await self._upstream.commit(order.id)
        except Problem as problem:
            return _turn_back(Step.COMMIT, "failed", _refused(problem))
        return Move(
            Step.COMMIT,
            "done",
            Step.CLEAR_CART,
            values={"status": Status.PAID, "paid_at": utc_now()},
            event="order.paid",
            answers=True,
        )

    async def _clear_cart(self, order: Order) -> Move:
        user = User(order.account_id, order.customer["email"], order.customer["name"])
        token, _ = self._key.issue(user, TOKEN_LIFETIME)
        try:
            await self._upstream.clear_cart(token, order.cart_revision)
        except Problem as problem:
            # A full cart is a nuisance, not a reason to hold up a paid order.
            log.warning("cart_not_cleared", order_id=order.id, reason=problem.detail)
            return Move(Step.CLEAR_CART, "failed", None)
        return Move(Step.CLEAR_CART, "done", None)

    async def _request_parcel(self, order: Order) -> Move:
        try:
            await self._upstream.request_parcel(order)
        except Problem as problem:
            return _turn_back(Step.PARCEL, "refused", _refused(problem))
        await self._note_parcel(order)
        return Move(Step.PARCEL, "done", None)

    async def _note_parcel(self, order: Order) -> None:
        """Shipping has made the parcel: the news of it may never come."""
        shipped = await self._progress.ship(order.id)
        if shipped is not None:
            entered(shipped)

    # -- the way back ----------------------------------------------------------------------------

    async def _call_off(self, order: Order) -> Move:
        if await self._upstream.call_off_shipment(order.id):
            return Move(Step.CALL_OFF, "done", Step.REFUND)
        await self._note_parcel(order)
        return Move(Step.CALL_OFF, "refused", None, values={"reason": None, "cancelled_from": None})

    async def _refund(self, order: Order) -> Move:
        refunded = await self._payments.refund(order.id)
        return Move(Step.REFUND, "refunded" if refunded else "not_needed", Step.RELEASE)

    async def _release(self, order: Order) -> Move:
        await self._upstream.release(order.id)
        return Move(Step.RELEASE, "released", Step.CANCEL)

    async def _cancel(self, _order: Order) -> Move:
        return Move(
            Step.CANCEL,
            "done",
            None,
            values={"status": Status.CANCELLED},
            event="order.cancelled",
            answers=True,
        )


def new_driver() -> str:
    """A name for one run of a worker over one order."""
    return uuid.uuid4().hex


def reason_of(problem: Problem) -> dict[str, object]:
    """A problem as it is stored with the order that it ends."""
    return {"status": problem.status, "title": problem.title, "detail": problem.detail}


def _turn_back(done: Step, state: str, why: Problem) -> Move:
    return Move(done, state, Step.REFUND, values={"reason": reason_of(why)})


def _refused(problem: Problem) -> Problem:
    """The problem if the other service has decided; raised again if it was merely away."""
    if problem.status >= 500:
        raise problem
    return Problem(409, problem.title, problem.detail)
