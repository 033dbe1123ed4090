"""Carts, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.support.services import bearer, make, serving


@pytest.fixture
async def cart(tmp_path: Path, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A running cart service; requests are Ann's."""
    async with serving(make("cart", tmp_path, database_url=database_url)) as client:
        client.headers.update(bearer("ann"))
        yield client


async def test_a_cart_keeps_what_was_put_into_it_in_that_order(cart: httpx.AsyncClient) -> None:
    """Setting a quantity again changes it in place."""
    nothing: dict[str, object] = {"items": [], "updated_at": None, "revision": 0}
    assert (await cart.get("/cart")).json() == nothing
    await cart.put("/cart/items/kite", json={"quantity": 1})
    await cart.put("/cart/items/compass", json={"quantity": 2})
    answer = await cart.put("/cart/items/kite", json={"quantity": 5})
    expected = [
        {"product_id": "kite", "quantity": 5},
        {"product_id": "compass", "quantity": 2},
    ]
    assert answer.json()["items"] == expected
    shown = (await cart.get("/cart")).json()
    assert shown["items"] == expected
    assert shown["updated_at"].endswith("Z")


async def test_things_are_taken_out_one_by_one_or_all_at_once(cart: httpx.AsyncClient) -> None:
    """By DELETE or by quantity 0; taking out what is not there changes nothing."""
    for product in ("kite", "compass", "yo-yo"):
        await cart.put(f"/cart/items/{product}", json={"quantity": 1})
    await cart.put("/cart/items/kite", json={"quantity": 0})
    for _ in range(2):
        answer = await cart.delete("/cart/items/compass")
        assert [one["product_id"] for one in answer.json()["items"]] == ["yo-yo"]
    for _ in range(2):
        assert (await cart.delete("/cart")).status_code == 204
    assert (await cart.get("/cart")).json()["items"] == []


async def test_what_was_put_in_later_stays_when_what_was_known_is_taken_out(
    cart: httpx.AsyncClient,
) -> None:
    """An order takes out what it was made of: not what came after, nor a quantity set after."""
    for product in ("kite", "compass"):
        await cart.put(f"/cart/items/{product}", json={"quantity": 1})
    known = (await cart.get("/cart")).json()["revision"]
    await cart.put("/cart/items/compass", json={"quantity": 3})
    await cart.put("/cart/items/yo-yo", json={"quantity": 1})
    for _ in range(2):
        assert (await cart.delete("/cart", params={"up_to": known})).status_code == 204
        left = (await cart.get("/cart")).json()["items"]
        assert left == [
            {"product_id": "compass", "quantity": 3},
            {"product_id": "yo-yo", "quantity": 1},
        ]


async def test_every_change_is_a_revision_of_its_own(cart: httpx.AsyncClient) -> None:
    """Also emptying: what is put into an emptied cart is never older than what was in it."""
    seen = [0]
    for _ in range(2):
        answer = await cart.put("/cart/items/kite", json={"quantity": 1})
        seen.append(answer.json()["revision"])
        await cart.delete("/cart")
        seen.append((await cart.get("/cart")).json()["revision"])
    assert seen == sorted(set(seen))


async def test_each_user_has_a_cart_of_their_own(cart: httpx.AsyncClient) -> None:
    """Bob does not see, nor empty, what Ann has."""
    await cart.put("/cart/items/kite", json={"quantity": 1})
    assert (await cart.get("/cart", headers=bearer("bob"))).json()["items"] == []
    await cart.delete("/cart", headers=bearer("bob"))
    assert len((await cart.get("/cart")).json()["items"]) == 1


async def test_changes_at_once_of_one_cart_are_all_kept(cart: httpx.AsyncClient) -> None:
    """Two tabs of one user do not lose each other's changes."""
    puts = [cart.put(f"/cart/items/p{n}", json={"quantity": 1}) for n in range(20)]
    assert {answer.status_code for answer in await asyncio.gather(*puts)} == {200}
    assert len((await cart.get("/cart")).json()["items"]) == 20


async def test_a_cart_is_bounded(cart: httpx.AsyncClient) -> None:
    """The 51st product is refused and not kept."""
    for n in range(50):
        await cart.put(f"/cart/items/p{n}", json={"quantity": 1})
    refused = await cart.put("/cart/items/p50", json={"quantity": 1})
    assert refused.status_code == 409
    assert len((await cart.get("/cart")).json()["items"]) == 50


@pytest.mark.parametrize("token", ["", "Bearer ", "Bearer x.y.z", "Basic abc"])
async def test_a_cart_needs_someone_signed_in(cart: httpx.AsyncClient, token: str) -> None:
    """401 as a problem document."""
    answer = await cart.get("/cart", headers={"Authorization": token})
    assert answer.status_code == 401
    assert answer.json()["title"] == "Not signed in"
