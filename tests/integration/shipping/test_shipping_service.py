"""The shipping service as a process: quotes, parcels, their events."""

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.kit.auth import User, service_user
from tests.support.address import ADDRESS
from tests.support.customer import token_for
from tests.support.embedded_queue import bodies
from tests.support.shop import RunningShop, running_shop

AS_SERVICE = {"Authorization": f"Bearer {token_for(service_user('checkout'))}"}
QUICK = {
    "SHOP_PICKUP_SECONDS": "0.3",
    "SHOP_TRANSIT_SECONDS": "0.3",
    "SHOP_TICK_SECONDS": "0.05",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    """The shipping service alone, with quick parcels."""
    with running_shop(tmp_path_factory.mktemp("shipping"), ["shipping"], QUICK) as shop:
        yield shop


@pytest.fixture
def http(shop: RunningShop) -> Iterator[httpx.Client]:
    """Another service as its client."""
    with httpx.Client(base_url=shop.url("shipping"), timeout=10, headers=AS_SERVICE) as client:
        yield client


def parcel(country: str = "NL", order_id: str | None = None) -> dict[str, Any]:
    """A request for a shipment."""
    return {
        "order_id": order_id or uuid.uuid4().hex,
        "method": "standard",
        "address": {**ADDRESS, "country": country},
        "items": 2,
        "contact_email": "ada@example.com",
    }


def events(shop: RunningShop, order_id: str, count: int) -> list[str]:
    """The routing keys of an order's events, once there are so many."""
    deadline = time.monotonic() + 10
    while True:
        found = [
            key
            for key, body in bodies(shop.state, "orders")
            if json.loads(body)["order_id"] == order_id
        ]
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_quotes_depend_on_country_and_number_of_items(http: httpx.Client) -> None:
    """Further away costs more, and so does a second parcel."""

    def price(country: str, items: int) -> int:
        response = http.get("/quotes", params={"country": country, "items": items})
        return int(response.raise_for_status().json()["quotes"][0]["price_cents"])

    assert price("NL", 1) < price("DE", 1) < price("JP", 1)
    assert price("NL", 10) == price("NL", 1)
    assert price("NL", 11) == 2 * price("NL", 1)


def test_country_that_is_not_served_is_a_problem(http: httpx.Client) -> None:
    """No quotes for Atlantis, and a reason."""
    response = http.get("/quotes", params={"country": "XA", "items": 1})
    assert response.status_code == 422
    assert response.json()["title"] == "Country not served"


def test_parcel_travels_by_itself(http: httpx.Client, shop: RunningShop) -> None:
    """Created, in transit, delivered: in its history and as events in that order."""
    wanted = parcel()
    created = http.post("/shipments", json=wanted)
    assert created.status_code == 201
    assert created.json()["status"] == "label_created"
    assert created.json()["tracking_number"]
    order_id = wanted["order_id"]
    assert events(shop, order_id, 3) == [
        "shipment.created",
        "shipment.in_transit",
        "shipment.delivered",
    ]
    shown = http.get(f"/shipments/{order_id}").raise_for_status().json()
    assert shown["status"] == "delivered"
    assert [event["status"] for event in shown["history"]] == [
        "label_created",
        "in_transit",
        "delivered",
    ]
    assert shown["tracking_number"] == created.json()["tracking_number"]


def test_repeated_request_makes_one_parcel(http: httpx.Client, shop: RunningShop) -> None:
    """The same order twice: the same parcel and one event of each kind."""
    wanted = parcel()
    first = http.post("/shipments", json=wanted).json()
    second = http.post("/shipments", json=wanted)
    assert second.status_code == 201
    assert second.json()["tracking_number"] == first["tracking_number"]
    events(shop, wanted["order_id"], 3)
    time.sleep(0.2)
    assert len(events(shop, wanted["order_id"], 3)) == 3


def test_parcel_the_carrier_refuses_fails_with_an_event(
    http: httpx.Client, shop: RunningShop
) -> None:
    """Antarctica has a price but no delivery: 422 each time, one shipment.failed."""
    assert http.get("/quotes", params={"country": "AQ", "items": 1}).status_code == 200
    wanted = parcel("AQ")
    for _ in range(2):
        response = http.post("/shipments", json=wanted)
        assert response.status_code == 422
        assert "AQ" in response.json()["detail"]
    assert events(shop, wanted["order_id"], 1) == ["shipment.failed"]
    assert http.get(f"/shipments/{wanted['order_id']}").json()["status"] == "failed"


def test_called_off_order_gets_no_parcel(http: httpx.Client) -> None:
    """Cancelling before the parcel is made wins over a belated request, however often asked."""
    wanted = parcel()
    for _ in range(2):
        assert http.post(f"/shipments/{wanted['order_id']}/cancel").status_code == 204
    assert http.post("/shipments", json=wanted).status_code == 409
    assert http.get(f"/shipments/{wanted['order_id']}").status_code == 404


def test_parcel_on_its_way_cannot_be_called_off(http: httpx.Client) -> None:
    """Cancelling after the parcel is made is refused and changes nothing."""
    wanted = parcel()
    http.post("/shipments", json=wanted).raise_for_status()
    assert http.post(f"/shipments/{wanted['order_id']}/cancel").status_code == 409
    assert http.get(f"/shipments/{wanted['order_id']}").status_code == 200


def test_unknown_order_has_no_parcel(http: httpx.Client) -> None:
    """404 for an order that was never shipped."""
    assert http.get("/shipments/nothing").status_code == 404


def test_only_services_make_call_off_and_follow_parcels(
    http: httpx.Client, shop: RunningShop
) -> None:
    """401 for nobody, 403 for a person; the parcel goes its way."""
    wanted = parcel()
    http.post("/shipments", json=wanted).raise_for_status()
    url = f"{shop.url('shipping')}/shipments"
    person = {"Authorization": f"Bearer {token_for(User('ann', 'ann@example.com', 'Ann'))}"}
    for headers, status in (({}, 401), (person, 403)):
        with httpx.Client(headers=headers) as other:
            tried = [
                other.post(url, json=parcel()),
                other.get(f"{url}/{wanted['order_id']}"),
                other.post(f"{url}/{parcel()['order_id']}/cancel"),
            ]
        assert [answer.status_code for answer in tried] == [status] * 3


def test_killed_service_forgets_no_event(tmp_path: Path) -> None:
    """kill -9 right after the answer: after the restart the event is published and once."""
    slow = {**QUICK, "SHOP_PICKUP_SECONDS": "60"}
    with running_shop(tmp_path, ["shipping"], slow) as shop:
        orders = []
        for _ in range(5):
            wanted = parcel()
            url = f"{shop.url('shipping')}/shipments"
            httpx.post(url, json=wanted, headers=AS_SERVICE).raise_for_status()
            orders.append(wanted["order_id"])
        shop.kill("shipping")
        shop.start("shipping")
        for order_id in orders:
            assert set(events(shop, order_id, 1)) == {"shipment.created"}
