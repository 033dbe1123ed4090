"""Buying, with the real services around checkout: what becomes of an order, whatever happens."""

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx

from observability.faults import FlagFile
from tests.integration.checkout.conftest import SERVICES, Arrive, payment, shipments
from tests.support.customer import DECLINED_CARD, Customer, set_stock, steps, stock
from tests.support.parts import Parts
from tests.support.shop import RunningShop
from tests.support.waiting import eventually


def mails(parts: Parts, order_id: str) -> list[str]:
    """The kinds of mail sent about an order."""
    query = "SELECT kind FROM mails WHERE order_id = :id"
    return [str(kind) for (kind,) in parts.rows("worker", query, id=order_id)]


def test_order_is_paid_and_shipped(
    shop: RunningShop, parts: Parts, customer: Customer, product: str
) -> None:
    """Bought, paid, shipped: stock taken, cart emptied, one parcel, the customer told."""
    before = stock(shop, product)
    response = customer.order()
    assert response.status_code == 201, response.text
    placed = response.json()
    assert placed["status"] == "paid"
    assert placed["total_cents"] == placed["subtotal_cents"] + placed["shipping_cents"]
    assert [(line["product_id"], line["quantity"]) for line in placed["lines"]] == [(product, 2)]
    assert customer.cart() == []
    assert stock(shop, product) == before - 2

    order = customer.until(placed["id"], {"shipped"})
    assert steps(order)[:6] == [
        ("place", "done"),
        ("reserve_stock", "done"),
        ("charge", "done"),
        ("commit_stock", "done"),
        ("clear_cart", "done"),
        ("parcel_handed_over", "done"),
    ]
    kinds = {"order.placed", "order.paid", "shipment.created"}
    deadline = time.monotonic() + 10
    while not kinds <= set(mails(parts, placed["id"])):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_declined_card_cancels_the_order(
    shop: RunningShop, customer: Customer, product: str
) -> None:
    """402, nothing taken, the stock back, the cart kept, and every step to be seen."""
    before = stock(shop, product)
    response = customer.order(card=DECLINED_CARD)
    assert response.status_code == 402
    assert response.json()["title"] == "Payment declined"
    order = customer.show(response.json()["order_id"])
    assert order["status"] == "cancelled"
    assert steps(order) == [
        ("place", "done"),
        ("reserve_stock", "done"),
        ("charge", "declined"),
        ("refund", "not_needed"),
        ("release_stock", "released"),
        ("cancel", "done"),
    ]
    assert stock(shop, product) == before
    assert len(customer.cart()) == 1


def test_parcel_that_cannot_be_delivered_is_refunded(
    shop: RunningShop, parts: Parts, customer: Customer, product: str
) -> None:
    """The carrier refuses Antarctica after payment: money and stock go back."""
    before = stock(shop, product)
    response = customer.order(country="AQ")
    assert response.status_code == 201
    order = customer.until(response.json()["id"], {"cancelled"})
    assert steps(order)[-4:] == [
        ("ship", "failed"),
        ("refund", "refunded"),
        ("release_stock", "released"),
        ("cancel", "done"),
    ]
    assert stock(shop, product) == before
    assert payment(parts, order["id"]) == [("refunded",)]


def test_country_without_shipping_is_refused_before_anything_happens(customer: Customer) -> None:
    """422 for Atlantis, and no order."""
    assert customer.order(country="XA").status_code == 422
    assert customer.orders() == []


def test_empty_cart_cannot_be_ordered(arrive: Arrive) -> None:
    """409 and no order."""
    customer = arrive()
    assert customer.order().status_code == 409
    assert customer.orders() == []


def test_more_than_there_is_cannot_be_ordered(
    shop: RunningShop, customer: Customer, product: str
) -> None:
    """409 names the product that is out of stock, and leaves what there is."""
    set_stock(shop, product, 1)
    response = customer.order()
    assert response.status_code == 409
    assert response.json()["product_id"] == product
    assert stock(shop, product) == 1


def test_changed_price_is_refused_to_who_asks_for_it(customer: Customer) -> None:
    """With expected_total_cents another total is a conflict; the right one is not."""
    refused = customer.order(expected_total_cents=1)
    assert refused.status_code == 409
    assert refused.json()["title"] == "Price changed"
    total = refused.json()["total_cents"]
    assert customer.order(expected_total_cents=total).status_code == 201


def test_a_request_repeated_without_the_total_it_was_shown_is_the_same_request(
    customer: Customer,
) -> None:
    """The form that is sent again may lack it: while the catalogue is away nobody knows it."""
    total = customer.order(expected_total_cents=1).json()["total_cents"]
    key = uuid.uuid4().hex
    first = customer.order(key=key, expected_total_cents=total)
    again = customer.order(key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]


def test_what_is_put_into_the_cart_while_an_order_is_placed_stays_in_it(
    shop: RunningShop, customer: Customer, product: str, goods: list[str]
) -> None:
    """The order empties the cart of what it was made of, however late it comes to that."""
    other = goods.pop()
    flags = FlagFile(shop.state / "flags.json")
    flags.set({"catalog.latency_ms": "700"})
    try:
        with ThreadPoolExecutor(1) as pool:
            placing = pool.submit(customer.order)
            eventually(customer.orders, what="an order")
            customer.put(other)
            response = placing.result()
    finally:
        flags.clear([])
    assert [line["product_id"] for line in response.json()["lines"]] == [product]
    assert customer.cart() == [{"product_id": other, "quantity": 1}]


def test_repeated_request_gets_the_same_answer(
    shop: RunningShop, customer: Customer, product: str
) -> None:
    """Same key, same body: one order, however often and however concurrently asked."""
    before, key = stock(shop, product), uuid.uuid4().hex
    with ThreadPoolExecutor(5) as pool:
        answers = [f.result() for f in [pool.submit(customer.order, key=key) for _ in range(5)]]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert len(customer.orders()) == 1
    customer.until(answers[0].json()["id"], {"shipped"})
    assert customer.order(key=key).text == answers[0].text
    assert stock(shop, product) == before - 2


def test_declined_request_stays_declined(customer: Customer) -> None:
    """The refusal is remembered too."""
    key = uuid.uuid4().hex
    first, second = (customer.order(card=DECLINED_CARD, key=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (402, 402)
    assert first.json()["order_id"] == second.json()["order_id"]


def test_key_of_another_request_is_refused(customer: Customer) -> None:
    """Same key, other body: 422; another customer's key is no matter."""
    key = uuid.uuid4().hex
    order_id = customer.order(key=key).json()["id"]
    other = customer.order(key=key, country="DE")
    assert (other.status_code, other.json()["order_id"]) == (422, order_id)
    assert customer.order(key=key, card="4111 1111 1111 1111").status_code == 422


def test_order_of_another_is_not_to_be_seen(
    shop: RunningShop, customer: Customer, arrive: Arrive
) -> None:
    """404 for showing and cancelling it."""
    order_id = customer.order().json()["id"]
    stranger = arrive()
    url = f"{shop.url('checkout')}/orders/{order_id}"
    assert stranger.http.get(url).status_code == 404
    assert stranger.cancel(order_id).status_code == 404


def test_card_number_is_kept_nowhere(shop: RunningShop, parts: Parts, customer: Customer) -> None:
    """Neither in a file of any service nor in a log."""
    number = "4929 1234 5678 9015"
    customer.until(customer.order(card=number).json()["id"], {"shipped"})
    wanted = {number.encode(), number.replace(" ", "").encode()}
    for path in (*shop.state.rglob("*"), *parts.folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            assert not any(text in content for text in wanted), path


def test_duplicated_messages_have_one_effect(
    shop: RunningShop, parts: Parts, customer: Customer, product: str
) -> None:
    """Every event of an order published three times: one parcel, one mail each, same stock."""
    shop.stop("worker")
    before = stock(shop, product)
    order_id = customer.order().json()["id"]
    deadline = time.monotonic() + 10
    while parts.publish_again("shipping") == 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert parts.publish_again("notification") >= 3
    shop.start("worker")
    order = customer.until(order_id, {"shipped"})
    while ("parcel_delivered", "done") not in steps(order):
        assert time.monotonic() < deadline + 30
        time.sleep(0.1)
        order = customer.show(order_id)
    assert shipments(parts, order_id) == [("delivered",)]
    assert payment(parts, order_id) == [("charged",)]
    sent = mails(parts, order_id)
    assert len(sent) == len(set(sent)) >= 3
    assert len(steps(order)) == len(set(steps(order)))
    assert stock(shop, product) == before - 2


def test_kills_leave_every_order_at_its_end(
    shop: RunningShop, parts: Parts, goods: list[str], arrive: Arrive
) -> None:
    """kill -9 of checkout and worker while orders are placed: each ends once, the stock adds up.

    Customers do what the gateway does: ask again under the same key until there is an answer.
    """
    wanted = [goods.pop() for _ in range(3)]
    before = {product: stock(shop, product) for product in wanted}
    customers = [arrive() for _ in range(15)]
    plan = []
    for number, customer in enumerate(customers):
        customer.put(wanted[number % 3], 1)
        country = "AQ" if number % 5 == 4 else "NL"
        card = DECLINED_CARD if number % 7 == 6 else "4242424242424242"
        plan.append((customer, country, card))

    def buy(customer: Customer, country: str, card: str) -> str:
        key = uuid.uuid4().hex
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                response = customer.order(key=key, country=country, card=card)
            except httpx.TransportError:
                time.sleep(0.2)
                continue
            if response.status_code < 500:
                body = response.json()
                return str(body["id"] if response.status_code == 201 else body["order_id"])
            time.sleep(0.2)
        raise AssertionError("no answer within a minute")

    with ThreadPoolExecutor(4) as pool:
        placed = [pool.submit(buy, *one) for one in plan]
        for victim in ("checkout", "worker", "checkout"):
            time.sleep(0.4)
            shop.kill(victim)
            shop.start(victim)
        ids = [future.result() for future in placed]

    assert len(set(ids)) == len(ids)
    sold: dict[str, int] = dict.fromkeys(wanted, 0)
    for (customer, country, card), order_id in zip(plan, ids, strict=True):
        order = customer.until(order_id, {"shipped", "cancelled"}, within=40)
        good = country == "NL" and card != DECLINED_CARD
        assert order["status"] == ("shipped" if good else "cancelled"), steps(order)
        assert len(customer.orders()) == 1
        refused = "declined" if card == DECLINED_CARD else "refunded"
        assert payment(parts, order_id) == [("charged" if good else refused,)]
        sold[order["lines"][0]["product_id"]] += good
    assert {p: before[p] - stock(shop, p) for p in wanted} == sold


def test_all_that_follows_from_an_order_is_one_trace(shop: RunningShop, customer: Customer) -> None:
    """Across the queue and back: every log line about the order has the trace of its request."""
    order_id = customer.order().json()["id"]
    wanted = {
        ("checkout", "order_placed"),
        ("checkout", "order_paid"),
        ("catalog", "stock_reserved"),
        ("worker", "shipment_requested"),
        ("shipping", "shipment_moved"),
        ("worker", "customer_notified"),
        ("checkout", "order_shipped"),
    }
    deadline = time.monotonic() + 20
    while not wanted <= (lines := lines_about(shop, order_id)).keys():
        assert time.monotonic() < deadline, wanted - lines.keys()
        time.sleep(0.1)
    traces = set().union(*lines.values())
    assert len(traces) == 1
    assert None not in traces


def lines_about(shop: RunningShop, order_id: str) -> dict[tuple[str, str], set[str | None]]:
    """The trace ids of log lines about an order, by service and event."""
    found: dict[tuple[str, str], set[str | None]] = {}
    for service in SERVICES:
        for line in shop.log(service).splitlines():
            if order_id in line and line.startswith("{"):
                entry = json.loads(line)
                found.setdefault((service, entry["event"]), set()).add(entry["trace_id"])
    return found


def test_saga_of_an_order_tells_the_time(customer: Customer) -> None:
    """Every step has a moment, in order."""
    order = customer.order().json()
    moments = [step["at"] for step in order["saga"]]
    assert moments == sorted(moments)
