"""Pages of the console as the end-to-end tests open them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Page

from tests.support.stack import Stack

PATIENCE_MS = 30_000


@dataclass
class Opened:
    """A page and what went wrong on it."""

    page: Page
    problems: list[str] = field(default_factory=list)


Open = Callable[..., Opened]


def sign_in(page: Page, stack: Stack) -> None:
    """As Ada Bell, by the form that the page shows."""
    page.get_by_label("Your name").fill("Ada Bell")
    page.get_by_label("Token").fill((stack.state / "secrets" / "console_token").read_text())
    page.get_by_role("button", name="Sign in").click()
