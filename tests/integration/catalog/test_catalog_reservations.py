"""Reservations: never more than there is, never twice, never for ever; on both databases."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.kit.auth import Role
from tests.support.services import bearer, make, serving


@pytest.fixture
async def catalog(tmp_path: Path, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A running catalog whose sweep is quick and whose cache is off; checkout is who asks."""
    settings: dict[str, Any] = {"sweep_seconds": 0.05, "cache_ttl_seconds": 0}
    app = make("catalog", tmp_path, database_url=database_url, cache_stale_seconds=0, **settings)
    async with serving(app) as client:
        client.headers.update(bearer("checkout", role="service"))
        yield client


async def set_stock(catalog: httpx.AsyncClient, product_id: str, stock: int) -> None:
    answer = await catalog.patch(
        f"/products/{product_id}", json={"stock": stock}, headers=bearer(role="admin")
    )
    assert answer.status_code == 200


async def stock_becomes(catalog: httpx.AsyncClient, product_id: str, expected: int) -> None:
    """The sweep has done its work within five seconds."""
    for _ in range(100):
        if await stock(catalog, product_id) == expected:
            return
        await asyncio.sleep(0.05)
    assert await stock(catalog, product_id) == expected


async def stock(catalog: httpx.AsyncClient, product_id: str) -> int:
    return int((await catalog.get(f"/products/{product_id}")).json()["stock"])


def wanted(order_id: str, ttl_seconds: float = 60, **lines: int) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "ttl_seconds": ttl_seconds,
        "lines": [{"product_id": k.replace("_", "-"), "quantity": q} for k, q in lines.items()],
    }


async def test_as_many_orders_succeed_at_once_as_there_is_stock(catalog: httpx.AsyncClient) -> None:
    """Of 40 orders at once for 2 of 25 pieces, 12 are served; one piece remains."""
    await set_stock(catalog, "kite", 25)
    orders = [catalog.post("/reservations", json=wanted(f"o{n}", kite=2)) for n in range(40)]
    answers = await asyncio.gather(*orders)
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(201) == 12
    assert statuses.count(409) == 28
    assert await stock(catalog, "kite") == 1


async def test_orders_of_several_products_in_any_order_do_not_deadlock(
    catalog: httpx.AsyncClient,
) -> None:
    """Orders that name the same products in opposite order are all served."""
    orders = []
    for n in range(20):
        lines = {"kite": 1, "compass": 1} if n % 2 else {"compass": 1, "kite": 1}
        orders.append(catalog.post("/reservations", json=wanted(f"o{n}", **lines)))
    answers = await asyncio.gather(*orders)
    assert {answer.status_code for answer in answers} == {201}


async def test_a_line_out_of_stock_is_named_and_takes_nothing_of_the_others(
    catalog: httpx.AsyncClient,
) -> None:
    """All lines or none; the problem says which product and how many there are."""
    await set_stock(catalog, "kite", 1)
    before = await stock(catalog, "compass")
    answer = await catalog.post("/reservations", json=wanted("o1", compass=3, kite=2))
    assert answer.status_code == 409
    problem = answer.json()
    assert problem["title"] == "Out of stock"
    assert problem["product_id"] == "kite"
    assert problem["available"] == 1
    assert "Delta kite" in problem["detail"]
    assert await stock(catalog, "compass") == before
    again = await catalog.post("/reservations", json=wanted("o1", compass=3, kite=1))
    assert again.status_code == 201


async def test_the_same_order_at_once_and_again_takes_stock_once(
    catalog: httpx.AsyncClient,
) -> None:
    """Repeated requests for one order are one reservation; other lines are refused."""
    await set_stock(catalog, "kite", 10)
    same = [catalog.post("/reservations", json=wanted("o1", kite=3)) for _ in range(8)]
    assert {answer.status_code for answer in await asyncio.gather(*same)} == {201}
    assert await stock(catalog, "kite") == 7
    other = await catalog.post("/reservations", json=wanted("o1", kite=4))
    assert other.status_code == 409
    assert other.json()["title"] == "Reservation differs"


async def test_an_unclaimed_reservation_expires_and_gives_its_stock_back(
    catalog: httpx.AsyncClient,
) -> None:
    """The background sweep returns the stock; reserving again is possible."""
    await set_stock(catalog, "kite", 5)
    await catalog.post("/reservations", json=wanted("o1", ttl_seconds=0.2, kite=5))
    assert await stock(catalog, "kite") == 0
    await stock_becomes(catalog, "kite", 5)
    again = await catalog.post("/reservations", json=wanted("o1", kite=5))
    assert again.status_code == 201
    assert await stock(catalog, "kite") == 0


async def test_a_committed_reservation_does_not_expire(catalog: httpx.AsyncClient) -> None:
    """Committing twice is committing once, and the stock stays taken."""
    await set_stock(catalog, "kite", 5)
    await catalog.post("/reservations", json=wanted("o1", ttl_seconds=0.3, kite=2))
    for _ in range(2):
        answer = await catalog.post("/reservations/o1/commit")
        assert answer.status_code == 200
        assert answer.json()["status"] == "committed"
    await asyncio.sleep(0.6)
    assert await stock(catalog, "kite") == 3


async def test_committing_an_expired_reservation_needs_the_stock_again(
    catalog: httpx.AsyncClient,
) -> None:
    """If someone else has bought it meanwhile the commit is refused, else it succeeds."""
    await set_stock(catalog, "kite", 2)
    await catalog.post("/reservations", json=wanted("late", ttl_seconds=0.05, kite=2))
    await stock_becomes(catalog, "kite", 2)
    await catalog.post("/reservations", json=wanted("other", kite=1))
    refused = await catalog.post("/reservations/late/commit")
    assert refused.status_code == 409
    assert refused.json()["title"] == "Out of stock"
    await catalog.delete("/reservations/other")
    assert (await catalog.post("/reservations/late/commit")).status_code == 200
    assert await stock(catalog, "kite") == 0


async def test_releasing_at_once_and_again_gives_stock_back_once(
    catalog: httpx.AsyncClient,
) -> None:
    """Held or committed, the stock comes back exactly once."""
    await set_stock(catalog, "kite", 9)
    for order_id in ("held", "committed"):
        await catalog.post("/reservations", json=wanted(order_id, kite=2))
    await catalog.post("/reservations/committed/commit")
    releases = [
        catalog.delete(f"/reservations/{order_id}")
        for order_id in ("held", "committed")
        for _ in range(4)
    ]
    assert {answer.status_code for answer in await asyncio.gather(*releases)} == {204}
    assert await stock(catalog, "kite") == 9
    refused = await catalog.post("/reservations/held/commit")
    assert refused.status_code == 409


async def test_a_release_that_overtakes_its_reservation_wins(catalog: httpx.AsyncClient) -> None:
    """A belated reservation of an order that was cancelled takes no stock."""
    await set_stock(catalog, "kite", 9)
    assert (await catalog.delete("/reservations/early")).status_code == 204
    late = await catalog.post("/reservations", json=wanted("early", kite=2))
    assert late.status_code == 409
    assert await stock(catalog, "kite") == 9


async def test_stock_adds_up_after_a_storm(catalog: httpx.AsyncClient) -> None:
    """Reserve, commit, release and expire in any mixture: nothing is lost or made up."""
    await set_stock(catalog, "kite", 1000)

    async def one(n: int) -> int:
        order = f"storm{n}"
        lifetime = 0.05 if n % 4 == 3 else 60.0
        await catalog.post(
            "/reservations", json=wanted(order, ttl_seconds=lifetime, kite=n % 3 + 1)
        )
        if n % 4 == 0:
            await asyncio.gather(*(catalog.post(f"/reservations/{order}/commit") for _ in range(2)))
            return n % 3 + 1
        if n % 4 == 1:
            await asyncio.gather(*(catalog.delete(f"/reservations/{order}") for _ in range(2)))
        if n % 4 == 2:
            await catalog.post(f"/reservations/{order}/commit")
            await catalog.delete(f"/reservations/{order}")
        return 0

    sold = sum(await asyncio.gather(*(one(n) for n in range(48))))
    await stock_becomes(catalog, "kite", 1000 - sold)


async def test_unknown_products_and_reservations_are_said_to_be_so(
    catalog: httpx.AsyncClient,
) -> None:
    """404 names what is missing."""
    missing = await catalog.post("/reservations", json=wanted("o1", unicorn=1))
    assert missing.status_code == 404
    assert "unicorn" in missing.json()["detail"]
    assert (await catalog.post("/reservations/never/commit")).status_code == 404


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("customer", 403), ("admin", 403)])
async def test_only_services_reserve_and_release(
    catalog: httpx.AsyncClient, role: Role | None, status: int
) -> None:
    """Nobody else can set the stock of the shop aside, nor give back what others have bought."""
    who = bearer(role=role) if role else {}
    assert (await catalog.post("/reservations", json=wanted("o", kite=1))).status_code == 201
    before = await stock(catalog, "kite")
    del catalog.headers["Authorization"]
    tried = [
        await catalog.post("/reservations", json=wanted("p", kite=1), headers=who),
        await catalog.post("/reservations/o/commit", headers=who),
        await catalog.delete("/reservations/o", headers=who),
    ]
    assert {answer.status_code for answer in tried} == {status}
    assert await stock(catalog, "kite") == before
