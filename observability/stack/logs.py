"""The log file of each process: bounded while it is written to, read back by `belfry logs`."""

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from observability.exits import UsageError

#: A log holds at most this much, and its predecessor (`NAME.log.1`) as much again.
LONGEST_BYTES = 10_000_000
_TAIL_BLOCK = 65_536


def size(path: Path) -> int:
    """Bytes in a log, 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def to_append(path: Path) -> BinaryIO:
    """A log opened to write to its end; made, if missing, for its owner only."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def bound(path: Path, longest: int = LONGEST_BYTES) -> bool:
    """Move what is in a log that has grown too long to its predecessor.

    Processes write to the file itself, so that logging costs the supervisor nothing and a line
    never waits for it. They append, so the file can be emptied under them. A line written in the
    instant between copying and emptying is lost here. Loki has it if it is a service's; of a
    backend this file is the only log.

    Returns:
        Whether the log was too long.
    """
    if size(path) <= longest:
        return False
    shutil.copyfile(path, path.with_name(path.name + ".1"))
    os.truncate(path, 0)
    return True


def last_line(path: Path, start: int = 0, longest: int = 200) -> str:
    """Last line that is not empty, after the first `start` bytes, cut to `longest` characters."""
    for line in reversed(tail(path, 5, start)):
        if line.strip():
            return line.strip()[:longest]
    return ""


def tail(path: Path, lines: int, start: int = 0) -> list[str]:
    """The last lines of a log, without their ends; only what stands after `start` bytes."""
    if lines <= 0 or not path.exists():
        return []
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        start = start if start <= end else 0  # it has been emptied since
        position, block = end, b""
        while position > start and block.count(b"\n") <= lines:
            step = min(_TAIL_BLOCK, position - start)
            position -= step
            file.seek(position)
            block = file.read(step) + block
    return block.decode(errors="replace").splitlines()[-lines:]


def of_process(folder: Path, name: str) -> list[Path]:
    """Log files of a process: its own, or those of its replicas.

    Raises:
        UsageError: there is none of this name; names those there are.
    """
    numbered = (path for path in folder.glob(f"{name}-*.log") if _is_replica(path.stem, name))
    paths = [path for path in [folder / f"{name}.log"] if path.exists()] or sorted(numbered)
    if not paths:
        known = ", ".join(sorted(path.stem for path in folder.glob("*.log"))) or "none yet"
        raise UsageError(f"there is no log of {name!r}; there are: {known}")
    return paths


def follow_all(paths: Iterable[Path], interval: float = 0.2) -> Iterator[tuple[Path, str]]:
    """New lines of these logs as they come, each with the file it is from, for ever."""
    followed = [_Followed(path) for path in paths]
    while True:
        news = [(one.path, line) for one in followed for line in one.news()]
        yield from news
        if not news:
            time.sleep(interval)


class _Followed:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._position = size(path)
        self._rest = b""

    def news(self) -> list[str]:
        """Whole lines written since the last time."""
        if size(self.path) < self._position:  # emptied because it had grown too long
            self._position, self._rest = 0, b""
        with self.path.open("rb") as file:
            file.seek(self._position)
            block = file.read()
        self._position += len(block)
        *lines, self._rest = (self._rest + block).split(b"\n")
        return [line.decode(errors="replace") for line in lines]


def _is_replica(stem: str, name: str) -> bool:
    return stem.removeprefix(f"{name}-").isdecimal()
