"""200 orders while checkout, worker, shipping and the broker are killed at random points."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chaos import (
    BROKER,
    Ground,
    Strikes,
    chance_of_this_run,
    embedded_ground,
    real_ground,
)
from tests.support.chaos_books import Books
from tests.support.chaos_shoppers import Crowd, wishes
from tests.support.customer import products, set_stock, stock
from tests.support.shop import RunningShop, running_shop

ORDERS = 200
SHOPPERS = 8
IN_STOCK = 1000
VICTIMS = {
    # The embedded broker is a file: those that have it open are struck.
    "embedded": ["checkout"] * 4 + ["worker"] * 3 + ["shipping"] * 3,
    "real": ["checkout"] * 4 + ["worker"] * 3 + [BROKER] * 3,
}
pytestmark = pytest.mark.timeout(1200)  # a minute alone on two cores; they may be shared
QUICK = {
    "SHOP_PICKUP_SECONDS": "0.5",
    "SHOP_TRANSIT_SECONDS": "0.5",
    "SHOP_TICK_SECONDS": "0.2",
}


@pytest.fixture(params=["embedded", "real"])
def kind(request: pytest.FixtureRequest) -> str:
    """What the shop stands on: files, or RabbitMQ and PostgreSQL."""
    return str(request.param)


@pytest.fixture
def ground(kind: str, tmp_path: Path) -> Iterator[Ground]:
    """The parts, the broker for this test alone."""
    with (embedded_ground if kind == "embedded" else real_ground)(tmp_path) as ground:
        yield ground


@pytest.fixture
def shop(ground: Ground, tmp_path: Path) -> Iterator[RunningShop]:
    """All services."""
    with running_shop(tmp_path / "shop", environment=QUICK | ground.parts.environment()) as shop:
        yield shop


def test_every_order_ends_once_whoever_is_killed(
    kind: str, ground: Ground, shop: RunningShop
) -> None:
    """Shipped or refunded, exactly once, whichever process dies when; the stock adds up.

    The shoppers do what any client should: ask again under the same key until there is an answer.
    """
    chance = chance_of_this_run()
    goods = products(shop, 12)
    for product in goods:
        set_stock(shop, product, IN_STOCK)
    crowd = Crowd(shop.url("gateway"), SHOPPERS)
    strikes = Strikes(shop, ground.broker, VICTIMS[kind], ORDERS, chance)

    began = time.monotonic()
    with strikes.during(lambda: len(crowd.placed)):
        crowd.shop(wishes(goods, ORDERS, chance))
    answered = time.monotonic() - began

    try:
        for one in crowd.placed:
            assert one.response.status_code == one.wish.answer, one.response.text
            if one.wish.answer == 201:
                lines = [(x["product_id"], x["quantity"]) for x in one.response.json()["lines"]]
                assert lines == [(one.wish.product, one.wish.quantity)]
        books = Books(ground.parts, crowd.placed)
        settled = books.await_rest(within=120)
        books.check()
        sold = books.sold()
        assert {one: IN_STOCK - stock(shop, one) for one in goods} == {
            one: sold[one] for one in goods
        }
        for one in crowd.placed:
            if one.order_id:
                order = one.shopper.http.get(f"/api/orders/{one.order_id}").json()
                assert order["status"] == ("shipped" if one.wish.end == "shipped" else "cancelled")
    finally:
        crowd.close()
    shop.stop()
    queues, dead = books.queues()
    assert dead == []
    assert {queue.queue: queue.depth for queue in queues if queue.depth} == {}
    print(  # noqa: T201 - the figures of the run
        f"killed {dict(strikes.done)}; answers {dict(sorted(crowd.answers.items()))}; all placed "
        f"after {answered:.0f} s, the slowest took {crowd.slowest:.1f} s; settled after "
        f"{settled:.1f} s more"
    )
