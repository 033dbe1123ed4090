"""Request ids and trace ids: on every answer, in the page's footer, in the log."""

import json

import httpx

from tests.support.pages import Browser
from tests.support.shop import RunningShop
from tests.support.waiting import eventually

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_every_answer_carries_both_ids_errors_included(shop: RunningShop) -> None:
    with httpx.Client(base_url=shop.url("gateway")) as http:
        answers = [
            http.get("/"),
            http.get("/static/shop.css"),
            http.get("/nowhere"),
            http.get("/api/products"),
            http.get("/api/cart"),
            http.post("/api/sessions", json={}),
            http.post("/sign-in", data={"email": "x"}),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 200, 401, 422, 403]
    for answer in answers:
        assert len(answer.headers["x-request-id"]) == 32
        assert len(answer.headers["x-trace-id"]) == 32
    assert len({answer.headers["x-trace-id"] for answer in answers}) == len(answers)


def test_a_callers_request_id_and_trace_are_taken_up(shop: RunningShop) -> None:
    headers = {"X-Request-ID": "order-form/42", "traceparent": TRACEPARENT}
    answer = httpx.get(shop.url("gateway") + "/api/nowhere", headers=headers)
    assert answer.headers["x-request-id"] == "order-form/42"
    assert answer.headers["x-trace-id"] == TRACEPARENT.split("-")[1]
    assert answer.json()["trace_id"] == TRACEPARENT.split("-")[1]


def test_what_a_request_logs_carries_both_ids(shop: RunningShop) -> None:
    headers = {"X-Request-ID": "look-me-up"}
    answer = httpx.get(shop.url("gateway") + "/products/no-such-thing", headers=headers)

    def lines() -> list[str]:
        return [line for line in shop.log("gateway").splitlines() if "look-me-up" in line]

    line = json.loads(eventually(lines, within=5, what="a line of the request in the log")[0])
    assert line["request_id"] == "look-me-up"
    assert line["trace_id"] == answer.headers["x-trace-id"]


def test_a_page_shows_both_ids_and_links_the_trace(browser: Browser) -> None:
    page = browser.open("/")
    headers = page.response.headers
    assert f"Request {headers['x-request-id']}" in page.text
    assert f"http://127.0.0.1:8080/traces/{headers['x-trace-id']}" in page.links


def test_calls_to_other_services_are_counted_by_route(shop: RunningShop, browser: Browser) -> None:
    browser.sign_up("counted@example.com")
    for product in ("enamel-mug", "tea-pot", "desk-lamp"):
        browser.send(browser.open(f"/products/{product}"), "/cart/items")
    before = calls(shop, "/cart")
    browser.open("/cart")
    after = calls(shop, "/cart")
    # The cart and one look-up of all its products: never one for each.
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 1]


def calls(shop: RunningShop, route: str) -> list[float]:
    """Sum and count of the histogram for a route."""
    text = httpx.get(shop.url("gateway") + "/metrics").text
    name = "http_server_upstream_calls"
    found = []
    for part in ("sum", "count"):
        start = f'{name}_{part}{{http_route="{route}"}} '
        lines = [line for line in text.splitlines() if line.startswith(start)]
        found.append(float(lines[0].split()[1]) if lines else 0.0)
    return found
