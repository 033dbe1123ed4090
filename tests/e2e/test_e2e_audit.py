"""Who did what is recorded, and the record shows when it is not whole."""

import json

from tests.support.shopper import Shopper
from tests.support.stack import Stack
from tests.support.waiting import eventually


def _actions(stack: Stack) -> set[str]:
    return {event["action"] for event in json.loads(stack.command("audit", "list", "--json"))}


def test_acts_of_people_are_in_the_audit_stream(stack: Stack, shopper: Shopper) -> None:
    """Sign-up, sign-in, an order and a fault, each by whom, from where, with its trace."""
    purchase = shopper.buy()
    stack.command("fault", "set", "catalog.latency_ms=1")
    stack.command("fault", "clear", "catalog.latency_ms")

    wanted = {"sign_up", "sign_in", "order", "fault_set", "fault_cleared"}
    eventually(lambda: _actions(stack) >= wanted, within=20, what=f"{wanted} in the audit stream")
    events = json.loads(stack.command("audit", "list", "--json", "--action", "order"))
    event = next(one for one in events if one["trace"] == purchase.trace_id)
    assert event["target"] == f"order {purchase.order['id']}"
    assert event["outcome"] == "success"
    assert event["source"] == "127.0.0.1"
    assert event["actor"]


def test_the_trail_is_whole_until_somebody_touches_it(stack: Stack, shopper: Shopper) -> None:
    """`belfry audit verify` holds; an event that never reached the log store is named."""
    shopper.buy()
    eventually(
        lambda: stack.belfry("audit", "verify").returncode == 0, within=30, what="a whole trail"
    )
    journal = stack.state / "audit" / "account-1.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    try:
        journal.write_text("".join([*lines[:-1], lines[-1].replace('"success"', '"denied"')]))
        report = stack.belfry("audit", "verify", "--json")
    finally:
        journal.write_text("".join(lines))

    assert report.returncode == 1
    broken = json.loads(report.stdout)["breaks"]
    assert {(one["kind"], one["chain"], one["sequence"]) for one in broken} == {
        ("changed", "account-1", len(lines))
    }
