"""A fault on the running shop rings in the inbox, and stops ringing when it is cleared."""

import threading
from collections.abc import Iterator

import pytest

from tests.support.shopper import Shopper
from tests.support.stack import Stack
from tests.support.waiting import eventually


@pytest.fixture
def broken_checkout(stack: Stack, shopper: Shopper) -> Iterator[None]:
    """Half of checkout's answers are errors while customers go on buying."""
    stop = threading.Event()

    def buy_on() -> None:
        while not stop.wait(0.2):
            shopper.http.get("/api/orders")

    buyers = threading.Thread(target=buy_on)
    buyers.start()
    stack.command("fault", "set", "checkout.error_rate=0.5")
    yield
    stack.command("fault", "clear")
    stop.set()
    buyers.join()


def test_an_error_fault_rings_and_resolves(stack: Stack, broken_checkout: None) -> None:
    """HighErrorRate of checkout arrives; once the fault is cleared its end arrives too."""

    def received(status: str) -> bool:
        return any(
            one["status"] == status and one["labels"]["service_name"] == "checkout"
            for one in stack.notifications("HighErrorRate")
        )

    eventually(lambda: received("firing"), within=90, what="HighErrorRate in the inbox")
    stack.command("fault", "clear")
    eventually(lambda: received("resolved"), within=180, what="HighErrorRate resolved")
