"""Cancelling: what can still be is, what cannot is told as it is."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.integration.checkout.conftest import Arrive, shipments
from tests.support.audit import audited
from tests.support.customer import Customer, steps, stock
from tests.support.parts import Parts
from tests.support.shop import RunningShop
from tests.support.waiting import eventually


def test_shipped_order_cannot_be_cancelled(customer: Customer) -> None:
    """409, and it stays shipped."""
    order_id = customer.order().json()["id"]
    customer.until(order_id, {"shipped"})
    assert customer.cancel(order_id).status_code == 409
    assert customer.show(order_id)["status"] == "shipped"


def test_paid_order_is_cancelled_before_its_parcel_is_made(
    shop: RunningShop, parts: Parts, customer: Customer, product: str
) -> None:
    """While no worker runs the order waits: cancelled, refunded, and never shipped after all."""
    before = stock(shop, product)
    shop.stop("worker")
    try:
        order_id = customer.order().json()["id"]
        for _ in range(2):
            response = customer.cancel(order_id)
            assert response.status_code == 200
            assert response.json()["status"] == "cancelled"
    finally:
        shop.start("worker")
    time.sleep(1)
    order = customer.show(order_id)
    assert order["status"] == "cancelled"
    assert ("call_off_shipment", "done") in steps(order)
    assert ("refund", "refunded") in steps(order)
    assert stock(shop, product) == before
    assert shipments(parts, order_id) == [("cancelled",)]


def test_an_order_is_cancelled_whatever_is_just_being_done_for_it(
    shop: RunningShop, goods: list[str], arrive: Arrive
) -> None:
    """While it is being placed too: without a worker nothing can be on its way already."""
    product = goods.pop()
    customers = [arrive() for _ in range(20)]
    for customer in customers:
        customer.put(product)
    shop.stop("worker")
    try:
        with ThreadPoolExecutor(2 * 4) as pool:
            placing = [pool.submit(customer.order) for customer in customers]
            answers = list(pool.map(first_order_cancelled, customers))
            for future in placing:
                future.result()
    finally:
        shop.start("worker")
    assert {answer.status_code for answer in answers} == {200}, [a.text for a in answers]
    assert {customer.orders()[0]["status"] for customer in customers} == {"cancelled"}


def first_order_cancelled(customer: Customer) -> httpx.Response:
    """The answer to cancelling somebody's order as soon as there is one.

    Asked again while it is in progress, as the gateway does.
    """
    order_id = eventually(customer.orders, what="an order", every=0.005)[0]["id"]

    def settled() -> httpx.Response | None:
        answer = customer.cancel(order_id)
        return None if answer.status_code == 503 else answer

    return eventually(settled, within=60, what="the end of cancelling")


def test_a_parcel_that_checkout_has_not_heard_of_is_found_out(
    parts: Parts, customer: Customer
) -> None:
    """Shipping refuses to call it off: then the order is shipped, and says so."""
    order_id = customer.order().json()["id"]
    customer.until(order_id, {"shipped"})
    parts.execute("checkout", "UPDATE orders SET status = 'paid' WHERE id = :id", id=order_id)
    response = customer.cancel(order_id)
    assert response.status_code == 409
    assert response.json()["title"] == "Already shipped"
    order = customer.show(order_id)
    assert order["status"] == "shipped"
    assert ("call_off_shipment", "refused") in steps(order)


def test_a_parcel_refused_after_all_sends_no_order_back_twice(
    shop: RunningShop, parts: Parts, customer: Customer
) -> None:
    """The carrier's refusal comes while a cancelled order is on its way back already."""
    shop.stop("worker")
    order_id = customer.order().json()["id"]
    shop.stop("catalog")
    try:
        assert customer.cancel(order_id).status_code == 503  # the stock cannot be given back
        message = parts.publish("shipment.failed", {"order_id": order_id, "reason": "too late"})
        handled = "SELECT 1 FROM inbox WHERE message_id = :id"
        eventually(lambda: parts.rows("checkout", handled, id=message), what="its handling")
    finally:
        shop.start("catalog", "worker")
    order = customer.until(order_id, {"cancelled"})
    way_back = steps(order)[steps(order).index(("call_off_shipment", "done")) :]
    assert way_back == [
        ("call_off_shipment", "done"),
        ("refund", "refunded"),
        ("release_stock", "released"),
        ("cancel", "done"),
    ]
    assert len(audited(shop.audit_folder, "refund", f"order {order_id}")) == 1


def test_the_trail_says_once_how_an_order_ended_and_who_wanted_it(
    shop: RunningShop, customer: Customer, arrive: Arrive
) -> None:
    """However often it was asked for; and that a stranger was refused."""
    key = uuid.uuid4().hex
    shop.stop("worker")
    try:
        (order_id,) = {customer.order(key=key).json()["id"] for _ in range(3)}
        stranger = arrive()
        stranger.cancel(order_id)
        for _ in range(2):
            customer.cancel(order_id)
    finally:
        shop.start("worker")
    target = f"order {order_id}"
    (ordered,) = audited(shop.audit_folder, "order", target)
    assert (ordered.actor, ordered.outcome) == (customer.id, "success")
    assert ordered.source == "127.0.0.1"
    refused, cancelled = audited(shop.audit_folder, "order_cancel", target)
    assert (refused.actor, refused.outcome) == (stranger.id, "failure")
    assert (cancelled.actor, cancelled.outcome) == (customer.id, "success")
    assert cancelled.source == "127.0.0.1"
