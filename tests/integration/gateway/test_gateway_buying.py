"""Buying in the storefront's pages: cart, check-out, the order until its parcel has arrived."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from observability.faults import FlagFile
from services.checkout.model import Order
from tests.integration.gateway.conftest import ADMIN
from tests.support.address import ADDRESS
from tests.support.pages import Browser, Page
from tests.support.shop import RunningShop
from tests.support.waiting import eventually

KEY = "idempotency_key"
GOOD_CARD, BAD_CARD = "4242 4242 4242 4242", "4000 0000 0000 0002"


@pytest.fixture
def checkout(browser: Browser, request: pytest.FixtureRequest) -> Page:
    """The check-out page of someone who wants two teapots."""
    browser.sign_up(f"{abs(hash(request.node.name))}@example.com")
    browser.send(browser.open("/products/tea-pot"), "/cart/items", quantity="2")
    return browser.open("/checkout")


def place(browser: Browser, page: Page, **values: str) -> Page:
    return browser.send(page, "/checkout", **(ADDRESS | {"card_number": GOOD_CARD} | values))


def refreshes(page: Page) -> bool:
    return any(meta.get("http-equiv") == "refresh" for meta in page.metas)


def test_the_cart_can_be_filled_changed_and_emptied(browser: Browser) -> None:
    browser.sign_up("cart@example.com")
    browser.send(browser.open("/products/tea-pot"), "/cart/items", quantity="2")
    page = browser.send(browser.open("/products/tea-pot"), "/cart/items", quantity="1")
    assert "It is in your cart" in page.text
    assert "€115.50" in page.text
    page = browser.send(page, "/cart/items/tea-pot", quantity="2")
    assert "Cart (2)" in page.text
    assert "Subtotal €77.00" in page.text
    page = browser.send(page, "/cart/items/tea-pot/remove")
    assert "nothing in it" in page.text


@pytest.mark.parametrize("quantity", ["0", "-1", "100", "many", ""])
def test_a_senseless_quantity_is_refused(browser: Browser, quantity: str) -> None:
    browser.sign_up(f"senseless{quantity}@example.com")
    page = browser.open("/products/tea-pot")
    page = browser.send(page, "/cart/items", quantity=quantity)
    assert page.status == 422
    assert "The quantity must be 1 to 99" in page.text


def test_buying_leads_to_an_order_that_is_followed_until_it_has_arrived(
    browser: Browser, checkout: Page
) -> None:
    assert "2 \u00d7 Stoneware teapot" in checkout.text
    page = place(browser, checkout, shipping_method="express")
    assert page.status == 200
    assert "Your order is placed" in page.text
    assert refreshes(page)
    address = page.path.partition("?")[0]
    assert not refreshes(browser.open(f"{address}?refresh=off"))
    deadline = time.monotonic() + 60
    while refreshes(page):
        assert time.monotonic() < deadline, page.text
        time.sleep(0.3)
        page = browser.open(address)
    for part in ("Shipped", "Delivered", "Tracking number", "Total €86.95", "Netherlands"):
        assert part in page.text
    orders = browser.open("/orders")
    assert address in orders.links
    assert "Cart (0)" in orders.text


def test_sending_the_form_twice_places_one_order(browser: Browser, checkout: Page) -> None:
    first = place(browser, checkout)
    second = place(browser, checkout)
    assert first.path == second.path
    orders = [link for link in browser.open("/orders").links if link.startswith("/orders/")]
    assert len(orders) == 1


def test_a_form_that_was_sent_before_leads_to_the_order_that_it_placed(
    browser: Browser, checkout: Page
) -> None:
    """Filled in differently the second time: never another order, and no riddle about keys."""
    first = place(browser, checkout)
    second = place(browser, checkout, street="Herengracht 2")
    assert second.path.partition("?")[0] == first.path.partition("?")[0]
    assert "This form was sent before" in second.text
    assert "Keizersgracht 1" in second.text
    orders = [link for link in browser.open("/orders").links if link.startswith("/orders/")]
    assert len(orders) == 1


def orders_stored(shop: RunningShop) -> int:
    """How many orders checkout has."""
    with closing(sqlite3.connect(shop.state / "data" / "checkout.db", timeout=10)) as database:
        return int(database.execute("SELECT count(*) FROM orders").fetchone()[0])


def test_an_order_that_is_still_at_work_is_shown_instead_of_the_form_again(
    browser: Browser, checkout: Page, shop: RunningShop
) -> None:
    """The catalogue dies when the order is stored: it is there, and comes to its end later."""
    before = orders_stored(shop)
    flags = FlagFile(shop.state / "flags.json")
    flags.set({"catalog.latency_ms": "1500"})
    try:
        with ThreadPoolExecutor(1) as pool:
            placing = pool.submit(place, browser, checkout)
            eventually(lambda: orders_stored(shop) > before, what="the order", every=0.02)
            shop.kill("catalog")
            page = placing.result()
    finally:
        flags.clear([])
        shop.start("catalog")
    assert page.path.startswith("/orders/")
    assert "still at work on it" in page.text
    address = page.path.partition("?")[0]
    eventually(lambda: "Shipped" in browser.open(address).text, within=60, what="the parcel")


def test_orders_are_listed_page_by_page(
    browser: Browser, checkout: Page, shop: RunningShop
) -> None:
    """Those beyond the fiftieth too; they are copied here, for that many take a while to place."""
    order_id = place(browser, checkout).path.partition("?")[0].rpartition("/")[2]
    copied = [one.name for one in Order.__table__.columns if one.name not in {"id", KEY}]
    columns = ", ".join(copied)
    copy = (
        f"INSERT INTO orders (id, {KEY}, {columns})"  # noqa: S608 - all ours
        f" SELECT id || :n, {KEY} || :n, {columns} FROM orders WHERE id = :id"
    )
    with closing(sqlite3.connect(shop.state / "data" / "checkout.db", timeout=10)) as database:
        for number in range(50):
            database.execute(copy, {"n": str(number), "id": order_id})
        database.commit()
    first = browser.open("/orders")
    assert "Page 1 of 2" in first.text
    second = browser.open(next(link for link in first.links if link == "/orders?page=2"))
    seen = [link for page in (first, second) for link in page.links if link.startswith("/orders/")]
    assert len(set(seen)) == len(seen) == 51


def test_a_declined_card_is_told_and_another_card_can_be_tried(
    browser: Browser, checkout: Page
) -> None:
    page = place(browser, checkout, card_number=BAD_CARD)
    assert page.status == 402
    assert "decline" in page.text.lower()
    fields = page.form("/checkout").fields
    assert fields["street"] == ADDRESS["street"]
    assert fields["card_number"] == ""
    assert BAD_CARD not in page.response.text
    assert "Your order is placed" in place(browser, page).text


def test_a_price_that_changed_meanwhile_is_shown_before_anything_is_ordered(
    browser: Browser, checkout: Page
) -> None:
    who = {"email": ADMIN["SHOP_ADMIN_EMAIL"], "password": ADMIN["SHOP_ADMIN_PASSWORD"]}
    token = browser.http.post("/api/sessions", json=who).raise_for_status().json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    for price in (4000, 3850):
        change = {"price_cents": price}
        browser.http.patch("/api/products/tea-pot", json=change, headers=headers).raise_for_status()
        if price == 4000:
            page = place(browser, checkout)
    assert page.status == 409
    assert "Subtotal €80.00" in page.text
    assert "not ordered anything" in browser.open("/orders").text


def test_mistakes_in_the_address_are_told_at_their_fields(browser: Browser, checkout: Page) -> None:
    page = place(browser, checkout, city=" ", card_number="not a number")
    assert page.status == 422
    assert "Please fill this in" in page.text
    assert "This does not look right" in page.text


def test_a_country_that_is_not_served_is_told_before_anything_is_filled_in(
    browser: Browser, checkout: Page
) -> None:
    page = browser.open("/checkout?country=IS")
    assert "IS" in page.text
    assert not [form for form in page.forms if form.action == "/checkout" and form.method == "post"]


def test_an_order_is_seen_by_its_owner_only(browser: Browser, checkout: Page) -> None:
    address = place(browser, checkout).path.partition("?")[0]
    with Browser(str(browser.http.base_url)) as other:
        other.sign_up("nosy@example.com")
        assert other.open(address).status == 404
