"""Files that are generated: written where they differ, or compared with what would be written."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from observability.exits import DOES_NOT_HOLD, HOLDS, WRONG_USE


@dataclass(frozen=True)
class Generated:
    """All files that one command generates.

    Attributes:
        command: What writes them, as one types it.
        texts: Every file that should exist, with its whole text.
        present: Those that exist and that nothing but the command writes.
    """

    command: str
    texts: Callable[[], Mapping[Path, str]]
    present: Callable[[], Iterable[Path]]

    def outdated(self) -> list[str]:
        """What is not as it would be written, one line a file; empty when nothing is."""
        texts = self.texts()
        wrong = {path: "missing" for path in texts if not path.exists()}
        wrong |= {path: "differs" for path in texts.keys() - wrong if _text(path) != texts[path]}
        wrong |= dict.fromkeys(self._left_over(texts), "left over: nothing generates it")
        return [f"{os.path.relpath(path)}: {what}" for path, what in sorted(wrong.items())]

    def write(self) -> None:
        """Write what differs and remove what is left over; whoever reads meanwhile finds all."""
        texts = self.texts()
        for path, text in texts.items():
            if not path.exists() or _text(path) != text:
                _replace(path, text)
        for path in self._left_over(texts):
            path.unlink()

    def main(self, arguments: Sequence[str]) -> int:
        """The command: write; with `--check`, only report what is out of date.

        Returns:
            The exit code.
        """
        if list(arguments) not in ([], ["--check"]):
            sys.stderr.write(f"usage: {self.command} [--check]\n")
            return WRONG_USE
        if not arguments:
            self.write()
            return HOLDS
        lines = self.outdated()
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        return DOES_NOT_HOLD if lines else HOLDS

    def _left_over(self, texts: Mapping[Path, str]) -> set[Path]:
        return set(self.present()) - texts.keys()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
