"""How long the console's pages take to be seen for the first time, in a real browser.

Each visit is a stranger's: nothing is in the browser's cache. A page is seen once every part of it
that is in view has its data drawn; the browser's own clock says when, from the start of the
navigation.
"""

import math
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from playwright.sync_api import Browser, ViewportSize
from playwright.sync_api import Error as BrowserError

from observability.boards import load_all
from observability.console.browser import chromium, settled
from observability.console.examples import a_trace, an_incident
from observability.exits import UsageError
from observability.settings import Settings

_SIZE: ViewportSize = {"width": 1360, "height": 900}


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
    incident = an_incident(settings)
    boards = load_all(settings.dashboards_dir)
    return {
        "Overview": f"/{span}",
        "Dashboards": "/dashboards",
        **{board.title: f"/dashboards/{board.uid}{span}" for board in boards},
        "Traces": f"/traces{span}",
        "A trace": f"/traces/{a_trace(settings)}",
        "Logs": f"/logs{span}",
        "Alerts": "/alerts",
        **({"An incident": f"/alerts/{incident}"} if incident else {}),
        "A runbook": "/docs/runbooks/ServiceDown.md",
        "Controls": "/controls",
    }
