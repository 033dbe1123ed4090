"""How long the console's pages take to be seen for the first time, in a real browser.

Each visit is a stranger's: nothing is in the browser's cache. A page is seen once every part of it
that is in view has its data drawn; the browser's own clock says when, from the start of the
navigation.
"""

import math
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from playwright.sync_api import Browser, ViewportSize
from playwright.sync_api import Error as BrowserError

from observability.boards import load_all
from observability.console.browser import chromium, settled
from observability.exits import UsageError
from observability.settings import Settings

_SIZE: ViewportSize = {"width": 1360, "height": 900}
_A_TRACE = {"query": '{service_name=~".+"} | trace_id!=""', "limit": "1"}


@dataclass(frozen=True, slots=True)
class PageTime:
    """Seconds until one page was seen, over all visits.

    Attributes:
        page: what it is called.
        path: its address.
        median_seconds: half of the visits took no longer.
        p95_seconds: 95 in a hundred took no longer.
        visits: how many there were.
    """

    page: str
    path: str
    median_seconds: float
    p95_seconds: float
    visits: int


def measure(settings: Settings, visits: int, last: str | None = None) -> Iterator[PageTime]:
    """Visit every page of the running console.

    Args:
        settings: of the stack.
        visits: of each page.
        last: the time that is shown, such as `1h`; None: what each page shows by itself.

    Raises:
        UsageError: no stack or no Chromium is there, or a page does not show its data.
    """
    paths = _paths(settings, f"?from=now-{last}" if last else "")
    try:
        with chromium() as browser:
            for page, path in paths.items():
                url = settings.url("console") + path
                yield _timed(page, path, [_visit(browser, url) for _ in range(visits)])
    except BrowserError as error:
        raise UsageError(f"the browser: {str(error).splitlines()[0]}") from None


def _timed(page: str, path: str, seconds: list[float]) -> PageTime:
    ordered = sorted(seconds)
    p95 = ordered[math.ceil(0.95 * len(ordered)) - 1]
    return PageTime(page, path, round(statistics.median(ordered), 3), round(p95, 3), len(ordered))


def _visit(browser: Browser, url: str) -> float:
    context = browser.new_context(viewport=_SIZE)
    try:
        page = context.new_page()
        page.goto(url, wait_until="commit")
        seconds = settled(page)
        problems = page.locator(".down").all_inner_texts()
        if problems:
            raise UsageError(f"{url} does not show its data: {problems[0]}")
        return seconds
    finally:
        context.close()


def _paths(settings: Settings, span: str) -> Mapping[str, str]:
    boards = load_all(settings.dashboards_dir)
    return {
        "Overview": f"/{span}",
        "Dashboards": "/dashboards",
        **{board.title: f"/dashboards/{board.uid}{span}" for board in boards},
        "Traces": f"/traces{span}",
        "A trace": f"/traces/{_trace(settings)}",
        "Logs": f"/logs{span}",
        "Alerts": "/alerts",
        **_incident(settings),
        "A runbook": "/docs/runbooks/ServiceDown.md",
        "Controls": "/controls",
    }


def _trace(settings: Settings) -> str:
    found = _ask(f"{settings.url('loki')}/loki/api/v1/query_range", _A_TRACE)["data"]["result"]
    if not found:
        raise UsageError("no request was traced yet: `belfry load --users 3 --duration 60`")
    return str(found[0]["stream"]["trace_id"])


def _incident(settings: Settings) -> Mapping[str, str]:
    """The newest alert, if there has been one."""
    received = _ask(f"{settings.url('console')}/api/inbox", {"limit": "1"})
    return {"An incident": f"/alerts/{received[0]['id']}"} if received else {}


def _ask(url: str, query: Mapping[str, str]) -> Any:
    try:
        return httpx.get(url, params=query).raise_for_status().json()
    except httpx.HTTPError as error:
        raise UsageError(f"{url} does not answer ({error}): `belfry up`") from None
