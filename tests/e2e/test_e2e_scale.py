"""Workers by number: each replica seen for itself, coming and going without a change of config."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import PORT_OFFSET
from tests.support.shopper import Shopper
from tests.support.stack import Stack
from tests.support.waiting import eventually


def workers(count: int) -> set[str]:
    """The names of so many replicas."""
    return {f"worker-{number}" for number in range(1, count + 1)}


def scraped(stack: Stack) -> set[str]:
    """Workers that Prometheus scrapes now, each once and answering, by their `instance`."""
    targets = stack.get("prometheus", "/api/v1/targets", state="active")["data"]["activeTargets"]
    found = [one for one in targets if one["labels"].get("service_name") == "worker"]
    names = [one["labels"]["instance"] for one in found if one["health"] == "up"]
    addresses = {one["scrapeUrl"] for one in found}
    return set(names) if len(names) == len(found) == len(addresses) else set()


def configuration(stack: Stack) -> tuple[str, Any]:
    """What Prometheus is configured with, and when it last read it."""
    loaded = stack.get("prometheus", "/api/v1/status/config")["data"]["yaml"]
    reads = stack.samples("prometheus_config_last_reload_success_timestamp_seconds")
    return hashlib.sha256(loaded.encode()).hexdigest(), reads[0]["value"][1]


def logging(stack: Stack) -> set[str]:
    """Replicas that have told a customer of something, by the log."""
    query = '{service_name="worker"} |= `customer_notified`'
    return {line["service_instance_id"] for line in stack.log_lines(query)}


def tracing(stack: Stack, trace_id: str) -> set[str]:
    """Replicas of the worker in a trace; none as long as Jaeger does not have it."""
    answer = stack.http.get(f"{stack.url('jaeger')}/api/v3/traces/{trace_id}")
    if answer.status_code == httpx.codes.NOT_FOUND:
        return set()
    found = answer.raise_for_status().json()["result"]["resourceSpans"]
    resources = [
        {one["key"]: one["value"].get("stringValue") for one in span["resource"]["attributes"]}
        for span in found
    ]
    return {str(one["service.instance.id"]) for one in resources if one["service.name"] == "worker"}


@pytest.fixture
def four(stack: Stack) -> Iterator[None]:
    """Four workers; one again at the end."""
    stack.command("scale", "worker=4")
    yield
    stack.command("scale", "worker=1")


@pytest.mark.usefixtures("four")
def test_replicas_come_and_go_and_are_told_apart(stack: Stack, shopper: Shopper) -> None:
    """Each is a target, a log writer and a resource of its own; Prometheus reads no new config."""
    before = configuration(stack)
    eventually(lambda: scraped(stack) == workers(4), within=30, what="four workers scraped")
    listed = [one for one in stack.status() if one["name"] == "worker"]
    assert len({one["pid"] for one in listed}) == len({one["port"] for one in listed}) == 4

    traces: list[str] = []

    def all_at_work() -> bool:
        traces.append(shopper.buy().trace_id)
        return logging(stack) >= workers(4)

    eventually(all_at_work, within=60, what="log lines of every worker")

    def all_traced() -> bool:
        return set().union(*(tracing(stack, one) for one in traces)) == workers(4)

    eventually(all_traced, within=20, what="spans of every worker")

    stack.command("scale", "worker=2")
    eventually(lambda: scraped(stack) == workers(2), within=20, what="two workers scraped")
    purchase = shopper.buy()
    shopper.wait_until(purchase.order["id"], "shipped")
    eventually(lambda: tracing(stack, purchase.trace_id), within=20, what="the order's trace")
    assert tracing(stack, purchase.trace_id) <= workers(2)
    assert configuration(stack) == before


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Stack]:
    """Another stack beside the first: four workers from the start, and who scrapes them."""
    second = Stack(tmp_path, PORT_OFFSET + 1000)
    second.command(
        "up", "--detach", "--only=services,prometheus", "--scale", "worker=4", timeout=300
    )
    yield second
    second.http.close()
    second.command("down")


def test_a_stack_may_start_with_so_many(second: Stack) -> None:
    """`belfry up --scale worker=4`: four of them, each scraped, and orders are shipped."""
    eventually(lambda: scraped(second) == workers(4), within=30, what="four workers scraped")
    shopper = Shopper(second.url("gateway"))
    purchase = shopper.buy()
    shopper.wait_until(purchase.order["id"], "shipped")
    shopper.http.close()
