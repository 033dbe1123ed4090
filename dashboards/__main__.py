"""`python -m dashboards [--check]`: write the dashboards as JSON, or compare them."""

from __future__ import annotations

import sys
from pathlib import Path

from dashboards.catalogue import DASHBOARDS

FOLDER = Path(__file__).parent


def outdated() -> list[str]:
    """What differs between the files and the modules, one line each; empty when nothing."""
    expected = {FOLDER / f"{board.uid}.json": board.text() for board in DASHBOARDS}
    lines = [
        f"{path.name}: {'differs' if path.exists() else 'missing'}"
        for path, text in expected.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    stale = sorted(set(FOLDER.glob("*.json")) - set(expected))
    return lines + [f"{path.name}: no module generates it" for path in stale]


def write() -> None:
    """Write every dashboard and remove files that no module generates."""
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for board in DASHBOARDS:
        (FOLDER / f"{board.uid}.json").write_text(board.text(), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Write the files; with `--check`, only report what is out of date (exit code 1)."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m dashboards [--check]\n")
        return 2
    if not arguments:
        write()
        return 0
    differences = outdated()
    sys.stdout.write("".join(f"{line}\n" for line in differences))
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
