"""The console in a browser without a screen."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
_LOAD_MILLISECONDS = 30_000
#: When every part in view has its content: the milliseconds that it took.
_DRAWN = """() => document.readyState === 'complete'
    && [...document.querySelectorAll('belfry-lazy')].every(part => {
        const box = part.getBoundingClientRect();
        return box.top > innerHeight || box.bottom < 0 || part.getAttribute('aria-busy') !== 'true';
    }) && performance.now()"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The distribution's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def settled(page: Page) -> float:
    """Wait until all parts of the page that are in view have their content.

    Returns:
        Seconds since the page was asked for, by the browser's clock.
    """
    seen = page.wait_for_function(_DRAWN, timeout=_LOAD_MILLISECONDS, polling="raf")
    return float(seen.json_value()) / 1000
