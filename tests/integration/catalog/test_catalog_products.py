"""Browsing: what shoppers see of the products, on both databases."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.kit.auth import Role
from tests.support.audit import audited
from tests.support.services import bearer, make, serving


@pytest.fixture
async def catalog(tmp_path: Path, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A running catalog."""
    async with serving(make("catalog", tmp_path, database_url=database_url)) as client:
        yield client


async def test_a_new_shop_has_products_of_several_categories(catalog: httpx.AsyncClient) -> None:
    """At least 30, each complete, page by page without gaps or repetitions."""
    seen = []
    first = (await catalog.get("/products")).json()
    assert first["page_size"] == 12
    for page in range(1, -(-first["total"] // 12) + 1):
        seen += (await catalog.get("/products", params={"page": page})).json()["items"]
    assert len({one["id"] for one in seen}) == len(seen) == first["total"] >= 30
    for one in seen:
        assert one["emoji"]
        assert one["currency"] == "EUR"
        assert one["price_cents"] > 0
        assert one["stock"] > 0
    categories = (await catalog.get("/categories")).json()
    assert categories == sorted({one["category"] for one in seen})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("BRASS", {"brass-ruler", "hand-bell", "watering-can"}),
        ("brass bell", {"hand-bell"}),
        ("bell  BRASS", {"hand-bell"}),
        ("brass unicorn", set()),
        ("100%", set()),
        ("_", set()),
    ],
)
async def test_a_search_finds_what_has_all_its_words(
    catalog: httpx.AsyncClient, query: str, expected: set[str]
) -> None:
    """Case and order do not matter; signs that SQL knows stand for themselves."""
    found = (await catalog.get("/products", params={"query": query})).json()
    assert {one["id"] for one in found["items"]} == expected
    assert found["total"] == len(expected)


async def test_a_category_narrows_a_search(catalog: httpx.AsyncClient) -> None:
    """Words and category together."""
    params = {"query": "brass", "category": "Desk"}
    found = (await catalog.get("/products", params=params)).json()
    assert [one["id"] for one in found["items"]] == ["brass-ruler"]


async def test_products_are_looked_up_by_many_ids_in_one_request(
    catalog: httpx.AsyncClient,
) -> None:
    """In the order asked for; unknown ones are left out."""
    params = {"id": ["kite", "no-such", "compass", "kite"]}
    found = (await catalog.get("/products", params=params)).json()
    assert [one["id"] for one in found["items"]] == ["kite", "compass"]


async def test_an_admin_changes_price_and_stock_and_shoppers_see_it_at_once_here(
    catalog: httpx.AsyncClient,
) -> None:
    """The replica that made the change forgets what it had cached, lists too."""
    await catalog.get("/products/kite")
    await catalog.get("/products", params={"query": "kite"})
    change = {"price_cents": 2222, "stock": 7}
    answer = await catalog.patch("/products/kite", json=change, headers=bearer(role="admin"))
    assert answer.status_code == 200
    one = (await catalog.get("/products/kite")).json()
    listed = (await catalog.get("/products", params={"query": "kite"})).json()["items"][0]
    assert one == listed == answer.json()
    assert (one["price_cents"], one["stock"]) == (2222, 7)


async def test_only_an_admin_changes_products(catalog: httpx.AsyncClient) -> None:
    """401 for nobody, 403 for a customer, and the product stays as it was."""
    change = {"price_cents": 1}
    nobody = await catalog.patch("/products/kite", json=change)
    assert nobody.status_code == 401
    assert nobody.headers["www-authenticate"] == "Bearer"
    customer = await catalog.patch("/products/kite", json=change, headers=bearer())
    assert customer.status_code == 403
    assert (await catalog.get("/products/kite")).json()["price_cents"] == 2490


async def test_the_trail_has_what_a_price_was_and_who_was_refused(
    catalog: httpx.AsyncClient, audit_folder: Path
) -> None:
    """Old and new value; the outcome also where nothing was changed."""
    change = {"price_cents": 2222}
    await catalog.patch("/products/kite", json=change, headers=bearer("eve"))
    await catalog.patch("/products/no-such", json=change, headers=bearer("boss", role="admin"))
    await catalog.patch("/products/kite", json=change, headers=bearer("boss", role="admin"))
    denied, failed, done = audited(audit_folder, "price_change")
    assert (denied.actor, denied.target, denied.outcome) == ("eve", "product kite", "denied")
    assert (failed.target, failed.outcome) == ("product no-such", "failure")
    assert (done.actor, done.outcome) == ("boss", "success")
    assert json.loads(done.detail) == {"old": 2490, "new": 2222}


async def test_an_answer_says_how_old_it_is(tmp_path: Path, database_url: str) -> None:
    """Whoever caches it as well can tell how long ago the database was read."""
    settings = {"cache_ttl_seconds": 30.0, "database_url": database_url}
    async with serving(make("catalog", tmp_path, **settings)) as catalog:
        for path in ("/products", "/products/kite", "/categories"):
            assert (await catalog.get(path)).headers["age"] == "0"
        await asyncio.sleep(1.1)
        for path in ("/products", "/products/kite", "/categories"):
            assert int((await catalog.get(path)).headers["age"]) >= 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/products/kite", {}),
        ("PATCH", "/products/kite", {"stock": -1}),
        ("PATCH", "/products/kite", {"stock": 2**70}),
        ("GET", "/products?page=0", None),
        ("GET", "/products?page=99999999999999999999", None),
        ("GET", "/products?query=%00", None),
        ("GET", "/products/a%00b", None),
        ("POST", "/reservations", {"order_id": "o", "lines": []}),
        ("POST", "/reservations", {"order_id": "o", "lines": [{"product_id": "kite"}]}),
    ],
)
async def test_what_makes_no_sense_is_a_422_that_says_where(
    catalog: httpx.AsyncClient, method: str, path: str, body: object
) -> None:
    """A problem document with the place, the reason and a trace id, but not the input."""
    role: Role = "service" if path == "/reservations" else "admin"
    answer = await catalog.request(method, path, json=body, headers=bearer(role=role))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["errors"][0]["loc"]
    assert len(problem["trace_id"]) == 32


async def test_a_change_is_seen_by_another_replica_within_the_staleness(
    tmp_path: Path, database_url: str
) -> None:
    """Without a shared cache: no later than ttl + stale after the change."""
    settings = {
        "database_url": database_url,
        "cache_ttl_seconds": 0.2,
        "cache_stale_seconds": 0.2,
    }
    one, other = (make("catalog", tmp_path, **settings) for _ in range(2))
    async with serving(one) as here, serving(other) as there:
        await there.get("/products/kite")
        await here.patch("/products/kite", json={"price_cents": 77}, headers=bearer(role="admin"))
        await asyncio.sleep(0.45)
        assert (await there.get("/products/kite")).json()["price_cents"] == 77


async def test_replicas_that_start_at_once_migrate_and_seed_once(
    tmp_path: Path, database_url: str
) -> None:
    """Four replicas on one empty database: all come up, each product is there once."""
    apps = [make("catalog", tmp_path, database_url=database_url) for _ in range(4)]

    async def total(index: int) -> int:
        async with serving(apps[index]) as client:
            return int((await client.get("/products")).json()["total"])

    assert await asyncio.gather(*(total(n) for n in range(4))) == [36] * 4
