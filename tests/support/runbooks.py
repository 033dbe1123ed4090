"""What the runbooks hold: pages, and the queries and commands in them, each with its line."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "runbooks"
LOOK = "Look here first"
_FENCE = re.compile(r"^```(\w+)\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`(belfry [^`]+)`")
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Passage:
    """A query, or one command, and where it stands.

    Attributes:
        page: File name of the runbook.
        line: Where its text begins, from 1.
        section: The heading above.
        language: `promql`, `logql` or `sh`.
        text: As it is written.
    """

    page: str
    line: int
    section: str
    language: str
    text: str

    @property
    def place(self) -> str:
        """`Page.md:line`."""
        return f"{self.page}:{self.line}"

    @property
    def words(self) -> list[str]:
        """A command and its arguments."""
        return shlex.split(self.text)


def pages() -> list[Path]:
    """Every runbook."""
    return sorted(FOLDER.glob("*.md"))


def queries(page: Path, language: str) -> list[Passage]:
    """The fenced blocks in `promql` or `logql`."""
    return _fenced(page, language)


def commands(page: Path) -> list[Passage]:
    """Each line of the blocks in `sh`, and each `belfry …` in the text."""
    text = page.read_text(encoding="utf-8")
    inline = [
        _passage(page, text, found.start(1), "sh", found[1]) for found in _INLINE.finditer(text)
    ]
    return inline + [line for block in _fenced(page, "sh") for line in _lines(block)]


def _fenced(page: Path, language: str) -> list[Passage]:
    text = page.read_text(encoding="utf-8")
    return [
        _passage(page, text, found.start(2), language, found[2])
        for found in _FENCE.finditer(text)
        if found[1] == language
    ]


def _lines(block: Passage) -> Iterator[Passage]:
    for number, text in enumerate(block.text.splitlines()):
        yield Passage(block.page, block.line + number, block.section, "sh", text)


def _passage(page: Path, text: str, start: int, language: str, found: str) -> Passage:
    before = text[:start]
    headings = _HEADING.findall(before)
    section = headings[-1] if headings else ""
    return Passage(page.name, before.count("\n") + 1, section, language, found)
