"""The control room in a container: it asks the backends by their names inside the network."""

import re

from playwright.sync_api import expect

from tests.compose.conftest import Containers
from tests.e2e.conftest import bought, browser, visit
from tests.support.control_room import PATIENCE_MS, Open
from tests.support.shopper import Purchase

__all__ = ["bought", "browser", "visit"]


def test_a_dashboard_is_drawn_with_prometheus_data(visit: Open) -> None:
    """No panel says that its backend is down."""
    page = visit("/dashboards/service-detail?from=now-15m&var-service=checkout&refresh=").page
    expect(page.locator(".chart .line").first).to_be_attached(timeout=PATIENCE_MS)
    assert page.locator(".down").all_inner_texts() == []


def test_a_trace_is_shown_as_jaeger_has_it(visit: Open, bought: Purchase) -> None:
    """With the spans of several services, and what was logged in it by Loki."""
    page = visit(f"/traces/{bought.trace_id}").page
    rows = page.locator(".waterfall > li")
    expect(rows.first).to_be_visible(timeout=PATIENCE_MS)
    assert rows.count() > 5
    span = page.locator(".waterfall > li", has=page.locator(".dot")).first
    span.locator("summary").first.click()
    expect(span.locator(".lines li").first).to_be_visible(timeout=PATIENCE_MS)


def test_its_links_lead_a_browser_to_what_is_published(visit: Open, stack: Containers) -> None:
    """Not to names that only containers know."""
    page = visit("/").page
    links = page.locator("nav[aria-label=Elsewhere] a")
    addresses = [links.nth(n).get_attribute("href") or "" for n in range(links.count())]
    assert f"{stack.url('prometheus')}/api/v1/rules" in addresses
    assert all(re.match(r"(http://127\.0\.0\.1:\d+)?(/|$)", one) for one in addresses)


def test_what_the_console_does_is_in_the_audit_trail(stack: Containers) -> None:
    """Its file system is read-only, its journal lies on its volume."""
    stack.command("fault", "set", "cart.latency_ms=1")
    stack.command("fault", "clear", "cart.latency_ms")
    listed = stack.compose("exec", "-T", "console", "ls", "/var/lib/belfry/state/audit")
    assert "belfry-cli.jsonl" in listed.split()
