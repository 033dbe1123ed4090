"""The shop around checkout, on files and on real servers; all tests of a kind share it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from tests.support.customer import Customer, products
from tests.support.parts import Parts
from tests.support.parts import parts as parts_of
from tests.support.shop import RunningShop, running_shop

Arrive = Callable[[], Customer]
SERVICES = ["catalog", "cart", "shipping", "checkout", "worker"]
QUICK = {
    "SHOP_PICKUP_SECONDS": "0.5",
    "SHOP_TRANSIT_SECONDS": "0.5",
    "SHOP_TICK_SECONDS": "0.1",
    "SHOP_CHECKOUT_LEASE_SECONDS": "2",
    "SHOP_CHECKOUT_RECOVERY_SECONDS": "0.3",
}


@pytest.fixture(scope="session", params=["embedded", "real"])
def parts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Parts]:
    """What the shop is built on: files, or PostgreSQL and RabbitMQ."""
    with parts_of(request.param, tmp_path_factory.mktemp("parts")) as parts:
        yield parts


@pytest.fixture(scope="session")
def shop(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    """The services that an order passes through."""
    state = tmp_path_factory.mktemp("shop")
    with running_shop(state, SERVICES, QUICK | parts.environment()) as shop:
        yield shop


@pytest.fixture(scope="session")
def goods(shop: RunningShop) -> list[str]:
    """Products to buy; each test takes its own, so that it can count them."""
    return products(shop, 36)


@pytest.fixture
def product(goods: list[str]) -> str:
    """A product that no other test buys."""
    return goods.pop()


@pytest.fixture
def arrive(shop: RunningShop) -> Iterator[Arrive]:
    """Somebody new, however often called."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(Customer(shop)))


@pytest.fixture
def customer(arrive: Arrive, product: str) -> Customer:
    """Somebody with two of the product in the cart."""
    customer = arrive()
    customer.put(product, 2)
    return customer


def payment(parts: Parts, order_id: str) -> list[tuple[str]]:
    """What the payment provider has about an order."""
    return parts.rows("checkout", "SELECT status FROM payments WHERE order_id = :id", id=order_id)


def shipments(parts: Parts, order_id: str) -> list[tuple[str]]:
    """The parcels of an order."""
    return parts.rows("shipping", "SELECT status FROM shipments WHERE order_id = :id", id=order_id)
