"""The catalogue's answers at the gateway: kept, revalidated, given out when it is down."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.integration.gateway.conftest import ADMIN
from tests.support.pages import Browser
from tests.support.shop import RunningShop, running_shop

TTL, STALE = 1.0, 1.0


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    """Only what is asked here, with a cache that ages quickly."""
    environment = {
        **ADMIN,
        "SHOP_GATEWAY_CACHE_TTL_SECONDS": str(TTL),
        "SHOP_GATEWAY_CACHE_STALE_SECONDS": str(STALE),
        "SHOP_CATALOG_CACHE_TTL_SECONDS": "0",
        "SHOP_CATALOG_CACHE_STALE_SECONDS": "0",
    }
    services = ("account", "catalog", "cart", "gateway")
    state = tmp_path_factory.mktemp("shop")
    with running_shop(state, services, environment) as running:
        yield running


@pytest.fixture
def http(shop: RunningShop) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shop.url("gateway"), timeout=20) as client:
        yield client


def counted(shop: RunningShop, result: str) -> float:
    text = httpx.get(shop.url("gateway") + "/metrics").text
    start = f'cache_requests_total{{cache="gateway_response",result="{result}"}} '
    return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith(start))


def admin_token(http: httpx.Client) -> str:
    who = {"email": ADMIN["SHOP_ADMIN_EMAIL"], "password": ADMIN["SHOP_ADMIN_PASSWORD"]}
    token: str = http.post("/api/sessions", json=who).raise_for_status().json()["token"]
    return token


def test_an_answer_says_how_it_may_be_kept_and_is_not_sent_twice(http: httpx.Client) -> None:
    first = http.get("/api/products")
    assert first.status_code == 200
    assert "max-age=" in first.headers["cache-control"]
    assert "stale-while-revalidate=" in first.headers["cache-control"]
    assert "stale-if-error=" in first.headers["cache-control"]
    assert first.headers["age"] == "0"
    again = http.get("/api/products", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = http.get("/api/products", headers={"If-None-Match": '"something-else"'})
    assert other.json() == first.json()


def test_a_repeated_question_is_answered_from_the_cache(
    shop: RunningShop, http: httpx.Client
) -> None:
    http.get("/api/products/desk-lamp")
    hits = counted(shop, "hit")
    http.get("/api/products/desk-lamp")
    assert counted(shop, "hit") == hits + 1


def test_an_ageing_answer_is_given_out_while_a_new_one_is_fetched(
    shop: RunningShop, http: httpx.Client
) -> None:
    http.get("/api/products/chess-set")
    stale = counted(shop, "stale")
    time.sleep(TTL + STALE / 2)
    assert http.get("/api/products/chess-set").status_code == 200
    assert counted(shop, "stale") == stale + 1


def test_a_price_changed_through_the_gateway_shows_at_once(http: httpx.Client) -> None:
    before = http.get("/api/products/compass").json()["price_cents"]
    headers = {"Authorization": f"Bearer {admin_token(http)}"}
    change = {"price_cents": before + 100}
    assert http.patch("/api/products/compass", json=change, headers=headers).status_code == 200
    assert http.get("/api/products/compass").json()["price_cents"] == before + 100


def test_a_price_changed_elsewhere_shows_within_the_stated_time(
    shop: RunningShop, http: httpx.Client
) -> None:
    before = http.get("/api/products/tea-pot").json()["price_cents"]
    headers = {"Authorization": f"Bearer {admin_token(http)}"}
    address = shop.url("catalog") + "/products/tea-pot"
    httpx.patch(address, json={"price_cents": before + 1}, headers=headers).raise_for_status()
    time.sleep(TTL + STALE)
    assert http.get("/api/products/tea-pot").json()["price_cents"] == before + 1


def test_what_the_catalogue_had_cached_itself_is_as_old_here(tmp_path: Path) -> None:
    """Both caches together show no older price than each may: the age counts from the database."""
    environment = {
        "SHOP_GATEWAY_CACHE_TTL_SECONDS": "0.5",
        "SHOP_GATEWAY_CACHE_STALE_SECONDS": "0",
        # Gives out what it has, however old, and reads it anew only then.
        "SHOP_CATALOG_CACHE_TTL_SECONDS": "0",
        "SHOP_CATALOG_CACHE_STALE_SECONDS": "60",
    }
    with running_shop(tmp_path, ("catalog", "gateway"), environment) as shop:
        url = shop.url("gateway") + "/api/products/tea-pot"
        before = httpx.get(url).json()["price_cents"]
        database = sqlite3.connect(tmp_path / "data" / "catalog.db", timeout=10)
        with closing(database), database:
            database.execute("UPDATE products SET price_cents = price_cents + 1")
        time.sleep(3)
        old = httpx.get(url)
        assert (old.json()["price_cents"], int(old.headers["age"]) >= 2) == (before, True)
        # Not kept here for another half second, as if it were new.
        assert httpx.get(url).json()["price_cents"] == before + 1


def test_changing_a_price_needs_an_admin(http: httpx.Client) -> None:
    assert http.patch("/api/products/compass", json={"price_cents": 1}).status_code == 401


def test_a_batch_is_one_question(http: httpx.Client) -> None:
    ids = ["tea-pot", "compass", "no-such-thing"]
    found = http.get("/api/products", params={"id": ids}).json()
    assert [item["id"] for item in found["items"]] == ["tea-pot", "compass"]


def test_without_the_catalogue_the_last_answers_are_given_out(
    shop: RunningShop, http: httpx.Client, browser: Browser
) -> None:
    """Also shows that pages render what is there, and that all is well again afterwards."""
    browser.sign_up("loyal@example.com")
    browser.send(browser.open("/products/enamel-mug"), "/cart/items", quantity="2")
    known = http.get("/api/products/enamel-mug").json()
    browser.open("/")
    shop.kill("catalog")
    try:
        time.sleep(TTL + STALE)
        answer = http.get("/api/products/enamel-mug")
        assert (answer.status_code, answer.json()) == (200, known)
        page = browser.open("/")
        assert page.status == 200
        assert "may be out of date" in page.text
        assert "Cart (2)" in page.text
        cart = browser.open("/cart")
        assert cart.status == 200
        assert "The product catalogue does not answer right now" in cart.text
        assert "enamel-mug" in cart.text
        unknown = browser.open("/?query=never-asked-before")
        assert unknown.status == 503
        assert "The product catalogue does not answer right now" in unknown.text
        problem = http.get("/api/products/fountain-pen")
        assert problem.status_code == 503
        assert problem.headers["content-type"] == "application/problem+json"
        assert problem.json()["upstream"] == "catalog"
        assert problem.json()["trace_id"] == problem.headers["x-trace-id"]
    finally:
        shop.start("catalog")
    time.sleep(2)
    assert http.get("/api/products/fountain-pen").status_code == 200
    assert "€25.80" in browser.open("/cart").text


def test_without_the_cart_the_list_of_products_is_still_there(
    shop: RunningShop, browser: Browser
) -> None:
    browser.sign_up("patient@example.com")
    shop.kill("cart")
    try:
        page = browser.open("/")
        assert page.status == 200
        assert "Your cart does not answer right now" in page.text
        assert "products" in page.text
        assert browser.open("/cart").status == 503
    finally:
        shop.start("cart")
