"""An order seen from end to end through the backends' own APIs."""

from typing import Any

import pytest

from tests.support.shopper import Purchase, Shopper
from tests.support.stack import Stack
from tests.support.waiting import eventually

ALL_SERVICES = {"gateway", "catalog", "cart", "checkout", "shipping", "worker"}


@pytest.fixture
def purchase(shopper: Shopper) -> Purchase:
    """An order that has been shipped."""
    purchase = shopper.buy()
    shopper.wait_until(purchase.order["id"], "shipped")
    return purchase


def _whole_trace(stack: Stack, trace_id: str) -> list[dict[str, Any]]:
    def all_there() -> list[dict[str, Any]] | None:
        spans = stack.spans(trace_id)
        everyone = {span["service"] for span in spans} >= ALL_SERVICES
        # Each service sends its own spans: checkout's questions to shipping are not the parcel.
        parcel = _process_shipping(spans) and "worker" in _callers(spans, "shipping")
        return spans if everyone and parcel else None

    return eventually(all_there, within=20, what=f"trace {trace_id} of {sorted(ALL_SERVICES)}")


def _process_shipping(spans: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The worker's span around the message that asks for a parcel."""
    name = "process shipping"
    found = (s for s in spans if s["service"] == "worker" and s["name"].startswith(name))
    return next(found, None)


def _callers(spans: list[dict[str, Any]], service: str) -> set[str]:
    """Services in which the parents of this service's entry spans live."""
    by_id = {span["spanId"]: span for span in spans}
    parents = (by_id.get(s.get("parentSpanId", "")) for s in spans if s["service"] == service)
    return {parent["service"] for parent in parents if parent and parent["service"] != service}


def test_an_order_is_one_trace_across_services_and_the_queue(
    stack: Stack, purchase: Purchase
) -> None:
    """All six services are in the trace, each called by whom the design says."""
    spans = _whole_trace(stack, purchase.trace_id)

    roots = [span for span in spans if not span.get("parentSpanId")]
    assert [root["service"] for root in roots] == ["gateway"]
    assert _callers(spans, "checkout") >= {"gateway"}
    assert _callers(spans, "cart") >= {"checkout"}
    assert _callers(spans, "catalog") >= {"checkout"}
    assert _callers(spans, "worker") >= {"checkout"}, "the consumer is the producer's child"
    # Checkout as well, but not for each order: it keeps what parcels to a country cost for a while.
    assert _callers(spans, "shipping") >= {"worker"}


def test_the_consumer_is_linked_to_the_message_it_processes(
    stack: Stack, purchase: Purchase
) -> None:
    """The worker's span is in the producer's trace, its child, with a link and the waiting time."""
    spans = _whole_trace(stack, purchase.trace_id)
    by_id = {span["spanId"]: span for span in spans}
    process = _process_shipping(spans)

    assert process is not None
    producer = by_id[process["parentSpanId"]]
    assert producer["service"] == "checkout"
    assert producer["kind"] == 4, "a PRODUCER span"
    assert process["kind"] == 5, "a CONSUMER span"
    assert [link["spanId"] for link in process["links"]] == [producer["spanId"]]


def test_the_order_is_logged_by_at_least_five_services_with_its_trace_id(
    stack: Stack, purchase: Purchase
) -> None:
    """Loki finds the lines of one order by the trace id that the gateway's answer carried."""

    def lines() -> list[dict[str, Any]] | None:
        found = stack.log_lines(
            f'{{service_namespace="shop"}} | trace_id="{purchase.trace_id}"',
        )
        return found if len({line["service_name"] for line in found}) >= 5 else None

    eventually(lines, within=20, what="log lines of five services with the trace id")


def test_an_exemplar_of_the_checkout_route_leads_to_a_trace(
    stack: Stack, purchase: Purchase
) -> None:
    """A dot on the latency graph is a trace that Jaeger has."""
    query = (
        'http_server_request_duration_seconds_bucket{service_name="checkout",http_route="/orders"}'
    )
    exemplars = eventually(
        lambda: stack.exemplars(query), within=20, what="an exemplar of checkout's /orders"
    )
    trace_id = exemplars[-1]["labels"]["trace_id"]

    spans = eventually(lambda: stack.spans(trace_id), within=10, what=f"trace {trace_id}")
    assert "checkout" in {span["service"] for span in spans}


def test_every_process_is_a_scrape_target_that_is_up(stack: Stack) -> None:
    """Services by their name and instance; nothing that runs is unwatched."""

    def all_up() -> bool:
        up = {s["metric"]["service_name"]: s["value"][1] for s in stack.samples("up")}
        expected = ALL_SERVICES | {"account", "console", "prometheus", "loki", "jaeger"}
        return expected <= up.keys() and set(up.values()) == {"1"}

    eventually(all_up, within=30, what="every target up")
