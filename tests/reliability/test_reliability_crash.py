"""What a crash leaves at one exact point, and what the next one to ask gets to see."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

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


async def execute(url: str, statement: str, **values: str) -> None:
    """Change what a service has stored."""
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text(statement), values)
    await engine.dispose()


def test_an_order_is_not_confirmed_before_its_cart_is_empty(
    ground: Ground, shop: RunningShop
) -> None:
    """Killed between payment and the cart: who asks again waits until another goes on with it.

    Or else the next order would contain what is paid for already. The crash is staged: what it
    leaves in the database, the dead one's lease still running.
    """
    product, key = products(shop, 1)[0], uuid.uuid4().hex
    with closing(Customer(shop)) as customer:
        customer.put(product)
        first = customer.order(key=key)
        assert first.status_code == 201
        customer.put(product)  # still in it, as the crash would have it
        until = (datetime.now(UTC) + timedelta(seconds=2)).strftime("%Y-%m-%d %H:%M:%S.%f")
        back = (
            "UPDATE orders SET next_step = 'clear_cart', driven_by = 'dead', driven_until = :until"
            " WHERE id = :id"
        )
        checkout = ground.parts.database_urls["checkout"]
        asyncio.run(execute(checkout, back, until=until, id=first.json()["id"]))

        again = customer.order(key=key)
        assert again.text == first.text
        assert customer.cart() == []
        order = customer.show(first.json()["id"])
        assert steps(order).count(("clear_cart", "done")) == 2  # before the staged crash and after
