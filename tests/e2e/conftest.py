"""One whole stack for the end-to-end tests, on ports and in a state folder of its own."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from observability.console.browser import chromium, settled
from tests.support.control_room import PATIENCE_MS, Open, Opened
from tests.support.shopper import Purchase, Shopper
from tests.support.stack import Stack
from tests.support.waiting import eventually

# Below the ports that the system hands out by itself.
PORT_OFFSET = 12_000


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything that `belfry up` runs, ready."""
    state: Path = tmp_path_factory.mktemp("stack")
    running = Stack(state, PORT_OFFSET)
    running.command("up", "--detach", timeout=300)
    yield running
    running.http.close()
    running.command("down")


@pytest.fixture
def shopper(stack: Stack) -> Iterator[Shopper]:
    """A signed-in customer."""
    shopper = Shopper(stack.url("gateway"))
    yield shopper
    shopper.http.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a screen."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def bought(stack: Stack) -> Purchase:
    """Some traffic, and the last purchase, with its whole trace and log lines stored."""
    shopper = Shopper(stack.url("gateway"))
    for _ in range(6):
        purchase = shopper.buy()
        time.sleep(1)
    shopper.wait_until(purchase.order["id"], "shipped")
    shopper.http.close()
    eventually(
        lambda: any("process" in span["name"] for span in stack.spans(purchase.trace_id)),
        within=30,
        what="the trace with its queue",
    )
    query = f'{{service_name="checkout"}} | order_id="{purchase.order["id"]}"'
    eventually(lambda: stack.log_lines(query), within=30, what="the order's log lines")
    rate = 'sum(rate(http_server_request_duration_seconds_count{service_name="checkout"}[1m]))'
    eventually(
        lambda: [one for one in stack.samples(rate) if float(one["value"][1]) > 0],
        within=60,
        what="a rate of requests",
    )
    return purchase


@pytest.fixture
def visit(stack: Stack, browser: Browser, bought: Purchase) -> Iterator[Open]:
    """Opens a view and waits for what is in sight; in the end there must be no console error."""
    opened: list[Opened] = []

    def go(path: str, *, width: int = 1280, dark: bool = False) -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        one = Opened(page)
        page.on(
            "console",
            lambda message: one.problems.append(message.text) if message.type == "error" else None,
        )
        page.on("pageerror", lambda error: one.problems.append(str(error)))
        page.goto(stack.url("console") + path)
        settled(page)
        opened.append(one)
        return one

    yield go
    for one in opened:
        problems = one.problems
        one.page.context.close()
        assert problems == []
