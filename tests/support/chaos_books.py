"""The books of all services after a storm: what should be in them, and what is."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from services.kit.queue.opening import open_plain
from services.kit.queue.port import DeadMessage, Stats
from services.kit.queue.topology import SHOP
from tests.support.chaos_shoppers import Placed
from tests.support.parts import Parts

MAILS = {
    "shipped": (
        "order.placed",
        "order.paid",
        "shipment.created",
        "shipment.in_transit",
        "shipment.delivered",
    ),
    "refunded": ("order.placed", "order.paid", "shipment.failed", "order.cancelled"),
    "declined": ("order.placed", "order.cancelled"),
}
"""What a customer is told about an order that ends so; analytics counts the same events."""
PAYMENT = {"shipped": "charged", "refunded": "refunded", "declined": "declined"}
ORDER = {"shipped": "shipped", "refunded": "cancelled", "declined": "cancelled"}
PARCEL = {
    "shipped": ("delivered", ("label_created", "in_transit", "delivered")),
    "refunded": ("failed", ("failed",)),
}
STOCK = {"shipped": "committed", "refunded": "released", "declined": "released"}
UNDONE = {
    "checkout": (
        "SELECT count(*) FROM orders WHERE next_step IS NOT NULL OR status IN ('pending', 'paid')",
        "SELECT count(*) FROM outbox WHERE sent_at IS NULL",
    ),
    "shipping": (
        "SELECT count(*) FROM shipments WHERE next_at IS NOT NULL",
        "SELECT count(*) FROM outbox WHERE sent_at IS NULL",
    ),
}


class Books:
    """What the services have stored, compared with what the shoppers were told.

    Args:
        parts: where the services keep their data.
        placed: all that was ordered.
    """

    def __init__(self, parts: Parts, placed: Sequence[Placed]) -> None:
        self._parts = parts
        self._ends = {
            one.order_id: one.wish.end for one in placed if one.order_id and one.wish.end in ORDER
        }
        self._placed = placed

    def await_rest(self, within: float) -> float:
        """Wait until nothing is left to be done; returns the seconds that it took."""
        return _await(lambda: _undone(self._parts) | self._untold(), within)

    def check(self) -> None:
        """Every order has ended as it should, once, in the books of every service."""
        self._check_orders()
        self._check_parcels()
        self._check_news()
        self._check_reservations()

    def sold(self) -> Counter[str]:
        """How many of each product should be gone."""
        sold: Counter[str] = Counter()
        for one in self._placed:
            if one.wish.end == "shipped":
                sold[one.wish.product] += one.wish.quantity
        return sold

    def queues(self) -> tuple[list[Stats], list[DeadMessage]]:
        """How the queues stand, and all dead letters; ask when no service runs any more."""
        return asyncio.run(self._queues())

    def _untold(self) -> dict[str, int]:
        """Mails not sent and events not counted yet."""
        news = sum(self._expected_news().values())
        mails = self._rows("worker", "SELECT count(*) FROM mails")
        counted = self._rows("worker", "SELECT coalesce(sum(count), 0) FROM event_counts")
        left = {"mails": news - mails[0][0], "events counted": news - counted[0][0]}
        return {name: count for name, count in left.items() if count > 0}

    def _check_orders(self) -> None:
        orders = dict(self._rows("checkout", "SELECT id, status FROM orders"))
        assert orders == {order: ORDER[end] for order, end in self._ends.items()}
        payments = self._rows("checkout", "SELECT order_id, status FROM payments")
        assert Counter(payments) == Counter(
            (order, PAYMENT[end]) for order, end in self._ends.items()
        )
        wrong_sum = (
            "SELECT order_id, p.amount_cents, total_cents FROM payments p"
            " JOIN orders ON id = order_id WHERE p.amount_cents != total_cents"
        )
        assert self._rows("checkout", wrong_sum) == []
        steps = Counter(self._rows("checkout", "SELECT order_id, step, state FROM saga_steps"))
        assert [step for step, times in steps.items() if times > 1] == []

    def _check_parcels(self) -> None:
        parcels = self._rows("shipping", "SELECT order_id, status FROM shipments")
        events = self._rows("shipping", "SELECT order_id, status FROM shipment_events")
        wanted = {order: PARCEL[end] for order, end in self._ends.items() if end in PARCEL}
        assert Counter(parcels) == Counter((order, status) for order, (status, _) in wanted.items())
        assert Counter(events) == Counter(
            (order, event) for order, (_, events) in wanted.items() for event in events
        )

    def _check_news(self) -> None:
        mails = self._rows("worker", "SELECT order_id, kind FROM mails")
        wanted = self._expected_news()
        assert Counter(mails) == wanted
        counted = dict(self._rows("worker", "SELECT event, count FROM event_counts"))
        assert counted == Counter(kind for _, kind in wanted)

    def _check_reservations(self) -> None:
        found = dict(self._rows("catalog", "SELECT order_id, status FROM reservations"))
        assert found == {order: STOCK[end] for order, end in self._ends.items()}

    def _expected_news(self) -> Counter[tuple[str, str]]:
        return Counter((order, kind) for order, end in self._ends.items() for kind in MAILS[end])

    def _rows(self, service: str, query: str) -> list[tuple[Any, ...]]:
        return self._parts.rows(service, query)

    async def _queues(self) -> tuple[list[Stats], list[DeadMessage]]:
        queue = open_plain(self._parts.queue_url)
        try:
            await queue.declare(SHOP)
            dead = [one for binding in SHOP.bindings for one in await queue.dead(binding.queue)]
            return await queue.stats(), dead
        finally:
            await queue.close()


def await_nothing_left(parts: Parts, within: float) -> float:
    """Wait until no order, parcel or event is under way; returns the seconds that it took."""

    def left() -> dict[str, int]:
        parcels = _query(parts, "shipping", "shipments", "status = 'delivered'", "count(*)")
        mails = _query(parts, "worker", "mails", "kind = 'shipment.delivered'", "count(*)")
        untold = parcels[0][0] - mails[0][0]
        return _undone(parts) | ({"parcels not told of": untold} if untold > 0 else {})

    return _await(left, within)


def all_squares(parts: Parts) -> tuple[set[str], Counter[str]]:
    """Orders, payments, stock and parcels tell the same story, whatever it is.

    Returns:
        The orders that were shipped, and how many were sold of each product.
    """
    shipped = {order for (order,) in _query(parts, "checkout", "orders", "status = 'shipped'")}
    charged = _query(parts, "checkout", "payments", "status = 'charged'", "order_id")
    taken = _query(parts, "catalog", "reservations", "status != 'released'", "order_id")
    parcels = _query(parts, "shipping", "shipments", "status = 'delivered'", "order_id")
    told = _query(parts, "worker", "mails", "kind = 'shipment.delivered'", "order_id")
    for found in (charged, taken, parcels, told):
        assert Counter(order for (order,) in found) == Counter(shipped)
    lines = "SELECT product_id, quantity FROM reservation_lines JOIN reservations USING (order_id)"
    sold: Counter[str] = Counter()
    for product, quantity in parts.rows("catalog", f"{lines} WHERE status != 'released'"):
        sold[product] += quantity
    return shipped, sold


def _query(
    parts: Parts, service: str, table: str, where: str, what: str = "id"
) -> list[tuple[Any, ...]]:
    return parts.rows(service, f"SELECT {what} FROM {table} WHERE {where}")  # noqa: S608 - all ours


def _undone(parts: Parts) -> dict[str, int]:
    found = {
        f"{service}: {query.partition(' FROM ')[2]}": int(parts.rows(service, query)[0][0])
        for service, queries in UNDONE.items()
        for query in queries
    }
    return {name: count for name, count in found.items() if count}


def _await(left: Callable[[], dict[str, int]], within: float) -> float:
    began = time.monotonic()
    while found := left():
        assert time.monotonic() - began < within, f"still to be done: {found}"
        time.sleep(0.25)
    return time.monotonic() - began
