"""`python -m observability.console.screenshots`: pictures of the main views of a running stack."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser

from observability.console.browser import chromium, settled
from observability.console.examples import a_trace, an_incident
from observability.exits import UsageError
from observability.settings import Settings, load_settings

_MOST_BYTES = 400_000
_WIDE = (1360, 900)
_PHONE = (390, 844)


@dataclass(frozen=True)
class Shot:
    """A picture: its file's name, what it shows, and in which light and size."""

    name: str
    path: str
    scheme: Literal["light", "dark"] = "light"
    size: tuple[int, int] = _WIDE


SHOTS = (
    Shot("overview", "/"),
    Shot("overview-dark", "/", scheme="dark"),
    Shot("overview-phone", "/", size=_PHONE),
    Shot("dashboard", "/dashboards/shop-overview?from=now-15m"),
    Shot("trace", "/traces/{trace}"),
    Shot("logs", "/logs?from=now-5m"),
    Shot("alerts", "/alerts"),
    Shot("incident", "/alerts/{incident}"),
)


def take(settings: Settings, folder: Path) -> list[Path]:
    """Take all pictures.

    Raises:
        UsageError: no console, no trace or no alert is there, or a picture is too large.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = {"trace": a_trace(settings), "incident": an_incident(settings)}
    if found["incident"] is None:
        raise UsageError("no alert has fired yet: `belfry fault set checkout.error_rate=0.5`")
    taken = []
    with chromium() as browser:
        for shot in SHOTS:
            path = folder / f"{shot.name}.png"
            _picture(browser, settings.url("console") + shot.path.format(**found), shot, path)
            if path.stat().st_size > _MOST_BYTES:
                raise UsageError(f"{path} has {path.stat().st_size} bytes, above {_MOST_BYTES}")
            taken.append(path)
    return taken


def _picture(browser: Browser, url: str, shot: Shot, path: Path) -> None:
    width, height = shot.size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=shot.scheme
    )
    page = context.new_page()
    page.goto(url)
    settled(page)
    page.screenshot(path=path)
    context.close()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="folder")
    arguments = parser.parse_args()
    try:
        taken = take(load_settings(), arguments.out)
    except UsageError as error:
        sys.exit(str(error))
    for path in taken:
        sys.stdout.write(f"{path} {path.stat().st_size // 1000} kB\n")


if __name__ == "__main__":
    main()
