"""The control room for everybody: on a phone, in the dark, by keyboard, by ear, and soon."""

import json
import re

import pytest
from playwright.sync_api import Browser, Route, expect

from observability.console.browser import settled
from tests.support.control_room import Open
from tests.support.shopper import Purchase
from tests.support.stack import Stack
from tests.support.waiting import eventually

EVERY_VIEW = (
    "/",
    "/dashboards",
    "/dashboards/shop-overview",
    "/dashboards/service-detail",
    "/traces",
    "/traces/{trace}",
    "/logs",
    "/alerts",
    "/docs/runbooks/ServiceDown.md",
    "/controls",
)


@pytest.mark.parametrize("path", EVERY_VIEW)
def test_a_phone_and_the_dark_scroll_in_one_direction(
    visit: Open, bought: Purchase, path: str
) -> None:
    """No page is wider than the screen; the ground is dark where dark is asked for."""
    page = visit(path.format(trace=bought.trace_id), width=390, dark=True).page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(int(part) for part in re.findall(r"\d+", ground)[:3]) < 150


@pytest.mark.parametrize("path", EVERY_VIEW)
def test_a_screen_reader_is_told_what_everything_is(
    visit: Open, bought: Purchase, path: str
) -> None:
    """A language, one main part with one first heading, and a name for all that can be used."""
    page = visit(path.format(trace=bought.trace_id)).page
    assert page.evaluate("document.documentElement.lang") == "en"
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("navigation", name="Views")).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('a[href], button, input, select, summary, img')]
            .filter(one => one.type !== 'hidden' && !one.closest('[aria-hidden=true]'))
            .filter(one => !(one.getAttribute('aria-label') || one.title || one.alt === ''
                || one.textContent.trim() || one.labels?.[0]?.textContent.trim()))
            .map(one => one.outerHTML.slice(0, 200))"""
    )
    assert nameless == []


def test_the_keyboard_reaches_the_content_first(visit: Open) -> None:
    """The first stop skips the header."""
    page = visit("/alerts").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_the_keyboard_alone_leads_from_the_map_to_a_trace(visit: Open) -> None:
    """Over a node of the map and the figures below a chart; a refresh does not take the focus."""
    page = visit("/").page
    node = page.locator(".map .node", has_text="checkout")
    node.focus()
    page.wait_for_timeout(7_000)  # the overview refreshes every five seconds
    assert "checkout" in page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/dashboards/service-detail.*var-service=checkout"))
    settled(page)
    figures = page.locator("details.figures", has=page.locator(".exemplars")).first
    eventually(lambda: figures.count() > 0, within=30, what="a chart with exemplars")
    figures.locator("summary").focus()
    page.keyboard.press("Enter")
    figures.locator(".exemplars a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/traces/[0-9a-f]{32}"))


def test_a_connection_that_breaks_once_is_not_seen(stack: Stack, browser: Browser) -> None:
    """The part is asked for again; without a word, since there is nothing to do about it."""
    page = browser.new_page()
    asked: list[Route] = []

    def break_the_first(route: Route) -> None:
        asked.append(route)
        if len(asked) == 1:
            route.abort()
        else:
            route.continue_()

    page.route("**/*part=health*", break_the_first)
    page.goto(stack.url("console") + "/")
    settled(page)
    expect(page.locator(".health")).to_contain_text("processes ready")
    assert page.locator(".down").count() == 0
    page.close()


def test_how_soon_pages_are_seen_is_measured(stack: Stack, bought: Purchase) -> None:
    """Every page of the console, in a browser; a limit that cannot be met is not met."""
    told = json.loads(
        stack.command("bench", "pages", "--visits", "1", "--limit", "60", "--json", timeout=300)
    )
    assert told["holds"]
    assert {"Overview", "Shop overview", "A trace", "Logs", "Alerts"} <= {
        one["page"] for one in told["pages"]
    }
    assert all(0 < one["median_seconds"] <= one["p95_seconds"] for one in told["pages"])
    missed = stack.belfry("bench", "pages", "--visits", "1", "--limit", "0.01", timeout=300)
    assert missed.returncode == 1
    assert "above 0.01 s" in missed.stdout
