"""What a crash leaves at one exact point, and what the next one to ask gets to see."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.chaos import Ground, embedded_ground
from tests.support.customer import Customer, products, steps
from tests.support.shop import RunningShop, running_shop

SERVICES = ["catalog", "cart", "shipping", "checkout"]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """Files."""
    with embedded_ground(tmp_path) as ground:
        yield ground


@pytest.fixture
def shop(ground: Ground, tmp_path: Path) -> Iterator[RunningShop]:
    """What it takes to place an order."""
    with running_shop(tmp_path / "shop", SERVICES, ground.parts.environment()) as shop:
        yield shop


def crash_before(ground: Ground, step: str, order_id: str, dead_for: float = 0.0) -> None:
    """Leave in checkout's database what a crash before that step does.

    Args:
        ground: where the database is.
        step: that was to be done next.
        order_id: of an order that has been through it in truth.
        dead_for: seconds until the lease of who died ends.
    """
    status = "paid" if step == "clear_cart" else "pending"
    ground.parts.execute(
        "checkout",
        "UPDATE orders SET next_step = :step, status = :status, driven_by = 'dead',"
        " driven_until = :until WHERE id = :id",
        step=step,
        status=status,
        until=(datetime.now(UTC) + timedelta(seconds=dead_for)).strftime("%Y-%m-%d %H:%M:%S.%f"),
        id=order_id,
    )


def test_an_order_is_not_confirmed_before_its_cart_is_empty(
    ground: Ground, shop: RunningShop
) -> None:
    """Killed between payment and the cart: who asks again waits until another goes on with it.

    Or else the next order would contain what is paid for already. What is put into the cart after
    the order stays in it, whenever that is.
    """
    (bought, new), key = products(shop, 2), uuid.uuid4().hex
    with closing(Customer(shop)) as customer:
        customer.put(bought)
        first = customer.order(key=key)
        assert first.status_code == 201
        customer.put(bought)
        # As the crash would have it: in the cart since before the order.
        ground.parts.execute("cart", "UPDATE cart_items SET revision = 1")
        customer.put(new)
        crash_before(ground, "clear_cart", first.json()["id"], dead_for=2)

        again = customer.order(key=key)
        assert again.text == first.text
        assert [item["product_id"] for item in customer.cart()] == [new]
        order = customer.show(first.json()["id"])
        assert steps(order).count(("clear_cart", "done")) == 2  # before the staged crash and after


def test_who_asks_again_while_a_service_is_away_is_told_which_order_it_is(
    ground: Ground, shop: RunningShop
) -> None:
    """They can look at it then, and it is brought to its end once the service is back."""
    product, key = products(shop, 1)[0], uuid.uuid4().hex
    with closing(Customer(shop)) as customer:
        customer.put(product)
        order_id = customer.order(key=key).json()["id"]
        shop.stop("catalog")
        ground.parts.execute("checkout", "UPDATE orders SET answer = NULL")
        crash_before(ground, "commit_stock", order_id)
        again = customer.order(key=key)
        assert (again.status_code, again.json()["order_id"]) == (503, order_id)
        shop.start("catalog")
        customer.until(order_id, {"paid", "shipped"})
        assert customer.order(key=key).json()["id"] == order_id
