"""The audit trail of services whose file system is read-only."""

import json
from typing import Any

from tests.compose.conftest import Containers
from tests.support.shopper import Shopper
from tests.support.waiting import eventually


def _events(stack: Containers) -> list[dict[str, Any]]:
    """As a person beside the console reads them."""
    events: list[dict[str, Any]] = json.loads(stack.command("audit", "list", "--json"))
    return events


def test_acts_of_people_are_in_the_audit_stream(stack: Containers, shopper: Shopper) -> None:
    """Sign-up, sign-in, an order with its trace, and a fault set beside the console."""
    purchase = shopper.buy()
    stack.command("fault", "set", "catalog.latency_ms=1")
    stack.command("fault", "clear", "catalog.latency_ms")

    wanted = {"sign_up", "sign_in", "order", "fault_set", "fault_cleared"}
    eventually(
        lambda: {event["action"] for event in _events(stack)} >= wanted,
        within=30,
        what=f"{wanted} in the audit stream",
    )
    order = next(one for one in _events(stack) if one["trace"] == purchase.trace_id)
    assert order["target"] == f"order {purchase.order['id']}"
    assert order["source"], "the address that the request came from"


def test_the_trail_is_whole(stack: Containers, shopper: Shopper) -> None:
    """`belfry audit verify` beside the console holds; each journal is on its service's volume."""
    shopper.buy()

    def whole() -> bool:
        done = stack.belfry_beside_console("audit", "verify")
        return done.returncode == 0 and "audit trail whole" in done.stdout

    eventually(whole, within=30, what="a whole audit trail")
    look = ("exec", "-T", "account", "ls", "/var/lib/belfry/data/audit")
    assert stack.compose(*look).split() == ["account-1.jsonl"]
