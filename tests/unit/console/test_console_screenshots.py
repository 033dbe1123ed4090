"""Pictures of the console: those that are taken are those that the documentation shows."""

import re
from pathlib import Path

from observability.console.screenshots import SHOTS

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: What a page may show in place of a picture in the light and at full width.
VARIANTS = {"overview-dark", "overview-phone"}


def shown() -> dict[Path, list[Path]]:
    """Pictures by the page that shows them."""
    return {
        page: [
            (page.parent / path).resolve()
            for alt, path in re.findall(r"!\[([^\]]*)\]\(([^)]+\.png)\)", page.read_text())
            if alt
        ]
        for page in PAGES
    }


def test_every_picture_that_a_page_shows_is_there_and_is_taken_by_the_command() -> None:
    """Each says in words what it shows."""
    taken = {ROOT / "docs" / "images" / f"{shot.name}.png" for shot in SHOTS}
    pictures = {picture for found in shown().values() for picture in found}
    assert pictures <= taken
    assert {picture for picture in taken if not picture.is_file()} == set()
    unseen = {picture.stem for picture in taken - pictures}
    assert unseen <= VARIANTS


def test_readme_shows_the_main_views() -> None:
    """Somebody who only reads it knows what there is to see."""
    names = {picture.stem for picture in shown()[ROOT / "README.md"]}
    assert names >= {"overview", "dashboard", "trace", "incident"}
