"""What the runbooks hold: pages, and the queries and commands in them."""

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "runbooks"


def pages() -> list[Path]:
    """Every runbook."""
    return sorted(FOLDER.glob("*.md"))


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language: `promql`, `logql` or `sh`."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)\n```", text, re.S)
