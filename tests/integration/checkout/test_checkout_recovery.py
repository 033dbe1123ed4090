"""Orders that were left half-way: found again, whatever else cannot move on."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import timedelta

import httpx
import pytest

from services.checkout.basket import Basket, Line
from services.checkout.model import Order
from services.checkout.orders import Orders, Request
from services.checkout.progress import Progress
from services.kit.auth import User
from services.kit.database import Database, utc_now
from tests.support.customer import Customer, products, steps
from tests.support.databases import database_url
from tests.support.shop import RunningShop, running_shop
from tests.support.waiting import eventually

__all__ = ["database_url"]
PARCEL_SECONDS = 2.0
ANN = User("ann", "ann@example.org", "Ann")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    """A shop in which nobody takes messages, so that nobody asks for a parcel but checkout."""
    patience = {
        "SHOP_CHECKOUT_PARCEL_SECONDS": str(PARCEL_SECONDS),
        "SHOP_CHECKOUT_RECOVERY_SECONDS": "0.3",
    }
    services = ["catalog", "cart", "shipping", "checkout"]
    with running_shop(tmp_path_factory.mktemp("shop"), services, patience) as shop:
        yield shop


@pytest.fixture
def customer(shop: RunningShop) -> Iterator[Customer]:
    """Somebody with something in the cart."""
    with closing(Customer(shop)) as customer:
        customer.put(products(shop, 1)[0])
        yield customer


def unfinished(shop: RunningShop) -> tuple[float, float]:
    """How many orders are unfinished, and the age of the oldest, by checkout's metrics."""
    text = httpx.get(f"{shop.url('checkout')}/metrics").text
    names = ("shop_orders_unfinished", "shop_orders_unfinished_oldest_age_seconds")
    found = [re.search(rf"^{name} (\S+)$", text, re.MULTILINE) for name in names]
    count, age = (float(one.group(1)) if one else -1.0 for one in found)
    return count, age


def test_a_paid_order_that_nobody_ships_is_shipped_after_all(
    shop: RunningShop, customer: Customer
) -> None:
    """Its message may be lost to a dead letter: checkout asks for the parcel itself."""
    order_id = customer.order().json()["id"]
    eventually(lambda: unfinished(shop)[0] == 1, what="the order among the unfinished")
    eventually(lambda: unfinished(shop)[1] > 0.5, what="its age")
    order = customer.until(order_id, {"shipped"}, within=20)
    assert ("request_parcel", "done") in steps(order)
    eventually(lambda: unfinished(shop) == (0, 0), what="no unfinished order")


def test_a_paid_order_that_nobody_can_ship_is_refunded_after_all(customer: Customer) -> None:
    """The carrier refuses; neither its answer nor its event sends the order back twice."""
    order_id = customer.order(country="AQ").json()["id"]
    order = customer.until(order_id, {"cancelled"}, within=20)
    done = [step for step, _ in steps(order)]
    assert [done.count(step) for step in ("refund", "release_stock", "cancel")] == [1, 1, 1]


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An empty database of checkout's."""
    db = Database(database_url, "checkout")
    await db.migrate()
    yield db
    await db.close()


async def left(db: Database, count: int) -> list[str]:
    """So many orders that were left a moment after they were placed, oldest first."""
    basket = Basket((Line("kite", "Kite", 1, 100),), 495, 1)
    placed = []
    for number in range(count):
        request = Request(f"k{number}", "f", {"country": "NL"}, "standard", "card_1", "")
        order, _ = await Orders(db, lease_seconds=0).place(ANN, request, basket, "dead")
        placed.append(order.id)
    return placed


async def test_orders_that_cannot_move_on_keep_no_other_from_being_tried(db: Database) -> None:
    """What was tried in vain goes to the end: everyone has a turn before anyone has two."""
    progress = Progress(db, lease_seconds=5)
    orders = await left(db, 9)
    tried: list[str] = []
    for _ in range(3):
        for order in await progress.abandoned(3):
            assert await progress.take(order.id, "me") is not None
            await progress.put_off(order.id, "me", -0.001)
            tried.append(order.id)
    assert sorted(tried) == sorted(orders)


async def test_no_more_parcels_are_asked_for_at_a_time_than_are_answered(db: Database) -> None:
    """While shipping is away a few orders ask on behalf of all that wait."""
    await left(db, 5)
    async with db.session() as session:
        for order in await Progress(db, 5).abandoned(5):
            found = await session.get_one(Order, order.id)
            found.status, found.next_step = "paid", None
            found.paid_at = utc_now() - timedelta(minutes=20)
    progress = Progress(db, lease_seconds=5)
    for _ in range(3):
        await progress.call_for_parcels(utc_now() - timedelta(minutes=10), 2)
        await asyncio.sleep(0)
    assert len(await progress.abandoned(5)) == 2
