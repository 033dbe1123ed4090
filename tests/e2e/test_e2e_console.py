"""The control room in a real browser, over a running stack with traffic."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from observability.console.browser import settled
from observability.stack import deploys
from tests.support.control_room import PATIENCE_MS, Open, sign_in
from tests.support.shopper import Purchase, Shopper
from tests.support.stack import Stack
from tests.support.waiting import eventually


def test_the_overview_shows_the_live_map_the_stack_and_what_happened(
    visit: Open, stack: Stack
) -> None:
    """A node leads to the dashboard of its service; the console keeps which versions it saw."""
    page = visit("/").page
    expect(page.locator(".map .node", has_text="checkout")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(".map .edge[aria-label^='gateway to checkout']")).to_have_count(1)
    expect(page.locator(".map .edge.messaging").first).to_be_attached()
    expect(page.locator(".health")).to_contain_text("processes ready")
    expect(page.locator(".events .mark").first).to_be_visible()
    seen = json.loads((stack.state / deploys.FILE).read_text())
    assert {"gateway", "checkout", "worker"} <= {one["service"] for one in seen}
    page.locator(".map .node", has_text="checkout").click()
    expect(page).to_have_url(re.compile("/dashboards/service-detail.*var-service=checkout"))


@pytest.mark.parametrize("uid", ["shop-overview", "service-detail", "request-flow", "stack"])
def test_a_dashboard_is_drawn_with_data(visit: Open, uid: str) -> None:
    """Every panel has data or says why not; every chart says in words what it shows."""
    page = visit(f"/dashboards/{uid}?from=now-15m&refresh=").page
    parts = page.locator("belfry-lazy")
    assert parts.count() > 5
    for number in range(parts.count()):
        parts.nth(number).scroll_into_view_if_needed()
    expect(page.locator("belfry-lazy[aria-busy=true]")).to_have_count(0, timeout=PATIENCE_MS)
    assert page.locator(".down").all_inner_texts() == []
    charts = page.locator(".chart[role=img]")
    assert charts.count() > 3
    assert all(charts.nth(n).get_attribute("aria-label") for n in range(charts.count()))
    expect(page.locator(".chart .line").first).to_be_attached()


def test_a_fault_is_seen_beside_what_it_does(visit: Open, stack: Stack) -> None:
    """In the table of what is set, by whom it was set, and by the service that honours it."""
    stack.command("fault", "set", "cart.latency_ms=7")
    try:
        eventually(
            lambda: stack.samples('service_fault_value{service_name="cart"} == 7'),
            within=15,
            what="the fault as a metric",
        )
        page = visit("/dashboards/drills?from=now-5m&refresh=").page
        for title, said in (
            ("Faults set now", "latency_ms"),
            ("Who did it", "audit_target=cart.latency_ms"),
            ("Services that noticed a fault", '{"latency_ms":7'),
        ):
            panel = page.locator(f"section[aria-label='{title}']")
            panel.scroll_into_view_if_needed()
            expect(panel).to_contain_text(said, timeout=PATIENCE_MS)
        assert page.locator(".down").all_inner_texts() == []
    finally:
        stack.command("fault", "clear", "cart.latency_ms")


def test_the_time_range_and_variables_are_in_the_address(visit: Open) -> None:
    """A choice changes the address, and the address makes the choice."""
    page = visit("/dashboards/service-detail?from=now-15m&var-service=cart&refresh=").page
    expect(page.locator("select[name=var-service]")).to_have_value("cart")
    page.locator("select[name=from]").select_option("now-1h")
    expect(page).to_have_url(re.compile("from=now-1h"))
    expect(page).to_have_url(re.compile("var-service=cart"))


def test_a_click_on_an_exemplar_ends_on_its_trace(visit: Open, stack: Stack) -> None:
    """The dot is a real request: its trace is there, with spans of the service."""
    page = visit("/dashboards/service-detail?from=now-15m&var-service=checkout&refresh=").page
    dot = eventually(lambda: _dot(page), within=30, what="an exemplar on a chart")
    page.mouse.click(dot.x, dot.y)
    page.wait_for_url(re.compile("/traces/[0-9a-f]{32}"))
    assert page.url.rpartition("/")[2] == dot.trace
    settled(page)
    expect(page.locator(".waterfall > li").first).to_be_visible(timeout=PATIENCE_MS)
    assert "checkout" in {span["service"] for span in stack.spans(dot.trace)}


@dataclass(frozen=True)
class Dot:
    """An exemplar's place on screen, and its trace."""

    x: float
    y: float
    trace: str


def _dot(page: Page) -> Dot | None:
    """The place on screen of an exemplar, and its trace, once one is drawn."""
    dots = page.locator(".chart a.dot")
    if dots.count() == 0:
        return None
    dots.last.scroll_into_view_if_needed()
    box = dots.last.bounding_box()
    trace = (dots.last.get_attribute("href") or "").rpartition("/")[2]
    return Dot(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, trace) if box else None


def test_an_order_id_finds_its_trace_with_queue_and_logs(visit: Open, bought: Purchase) -> None:
    """From the order to the span that waited, and what was logged in it."""
    page = visit(f"/traces?order={bought.order['id']}").page
    link = page.locator(f".traces a[href='/traces/{bought.trace_id}']")
    expect(link).to_be_visible(timeout=PATIENCE_MS)
    link.click()
    settled(page)
    expect(page.locator(".track .wait").first).to_be_attached(timeout=PATIENCE_MS)
    span = page.locator(".waterfall > li", has=page.locator(".dot")).first
    span.locator("summary").first.click()
    expect(span.locator(".lines li").first).to_be_visible()
    expect(page.get_by_role("link", name="checkout at that time").first).to_be_visible()


def test_a_search_by_service_and_duration_can_be_shared(visit: Open) -> None:
    """Its address has all its fields; nothing found is said."""
    page = visit("/traces?service=checkout&shortest=1ms").page
    expect(page.locator(".traces tbody tr").first).to_be_visible(timeout=PATIENCE_MS)
    page.locator("input[name=shortest]").fill("10m")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".empty")).to_contain_text("No trace matches", timeout=PATIENCE_MS)
    assert "shortest=10m" in page.url


def test_the_trace_id_of_a_log_line_opens_the_trace(visit: Open, bought: Purchase) -> None:
    """At the span that logged it."""
    page = visit(f"/logs?text=order_id%3D{bought.order['id']}").page
    line = page.locator(".lines li", has=page.locator("a.trace")).first
    expect(line).to_be_visible(timeout=PATIENCE_MS)
    line.locator("a.trace").click()
    page.wait_for_url(re.compile("/traces/[0-9a-f]{32}#span-"))
    expect(page.locator(".waterfall > li").first).to_be_visible(timeout=PATIENCE_MS)


def test_a_line_is_shown_among_its_neighbours(visit: Open) -> None:
    """The line itself is pointed out."""
    page = visit("/logs?service=checkout").page
    line = page.locator(".lines li").first
    line.locator("summary").click()
    line.get_by_role("link", name="Lines around it").click()
    settled(page)
    expect(page.locator(".lines li.here").first).to_be_visible(timeout=PATIENCE_MS)
    assert page.locator(".lines li").count() > 1


def test_a_live_tail_shows_what_is_logged_meanwhile(visit: Open, shopper: Shopper) -> None:
    """Without a reload."""
    page = visit("/logs?live=1&service=checkout&text=request_finished").page
    expect(page.locator(".tail")).to_be_attached(timeout=PATIENCE_MS)
    trace_id = shopper.buy().trace_id
    wanted = page.locator(f".tail a.trace[aria-label='trace {trace_id}']").first
    expect(wanted).to_be_visible(timeout=PATIENCE_MS)


@pytest.fixture
def firing(stack: Stack) -> Iterator[int]:
    """Id of an alert that fires: checkout fails."""
    before = {one["id"] for one in stack.notifications("HighErrorRate")}
    stack.command("fault", "set", "checkout.error_rate=1")
    load = stack.start("load", "--users", "3", "--duration", "120")
    try:

        def found() -> int | None:
            new = [one for one in stack.notifications("HighErrorRate") if one["id"] not in before]
            known = [one["id"] for one in new if one["service"] == "checkout"]
            evidence = [
                one for one in known if stack.get("console", f"/api/inbox/{one}")["evidence"]
            ]
            return evidence[-1] if evidence else None

        yield eventually(found, within=90, what="HighErrorRate of checkout", every=1)
    finally:
        load.terminate()
        load.wait()
        stack.command("fault", "clear")


def test_from_a_firing_alert_to_its_evidence_and_to_who_looks_after_it(
    visit: Open, stack: Stack, firing: int
) -> None:
    """Overview, incident, its figure and traces; then signed in, acknowledged and silenced."""
    page = visit("/").page
    page.locator(f".firing a[href='/alerts/{firing}']").click()
    settled(page)
    for part in ("Figure", "Traces", "Log", "Changed lately", "Timeline"):
        expect(page.get_by_role("region", name=part)).to_be_visible()
    expect(page.locator(".look a[href*='/docs/runbooks/HighErrorRate.md']")).to_be_visible()
    page.get_by_text("Acknowledge or silence").click()
    sign_in(page, stack)
    page.get_by_label("What you are going to do").fill("rolling back")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("status")).to_contain_text("You look after it")
    expect(page.locator(".standing")).to_contain_text("Ada Bell looks after it.")
    page.get_by_label("Why").fill("known")
    page.get_by_role("button", name="Silence").click()
    expect(page.locator(".standing").first).to_contain_text("Silenced by Ada Bell until")
    shown = json.loads(stack.command("alerts", "show", str(firing), "--json"))
    assert shown["acknowledged"]["actor"] == shown["silenced"]["actor"] == "Ada Bell"
    page.get_by_role("button", name="End the silence").click()
    expect(page.get_by_role("status")).to_contain_text("The silence has ended")
    page.locator(".traces a").first.click()
    settled(page)
    expect(page.locator(".waterfall > li.failed").first).to_be_visible(timeout=PATIENCE_MS)


def test_controls_work_with_the_token_alone(visit: Open, stack: Stack) -> None:
    """Refused without; with it a fault is set, seen by all, audited and cleared."""
    page = visit("/controls").page
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.get_by_role("button", name="Set").count() == 0
    sign_in(page, stack)
    page.locator("details", has_text="cart").locator("summary").first.click()
    form = page.get_by_role("form", name="cart.latency_ms")
    form.locator("input[name=value]").fill("1")
    form.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("cart.latency_ms is 1")
    assert '"cart.latency_ms"' in stack.command("fault", "list", "--json")
    page.get_by_role("button", name="Clear all faults").click()
    expect(page.get_by_role("status")).to_contain_text("All faults are off")
    query = '{log_stream="audit"} | audit_actor="Ada Bell" | audit_action="fault_set"'
    eventually(lambda: stack.log_lines(query), within=30, what="the act in the audit trail")
