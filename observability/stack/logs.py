"""The log file of each process: bounded while it is written to, read back by `belfry logs`."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

#: A log holds at most this much, and its predecessor (`NAME.log.1`) as much again.
LONGEST_BYTES = 10_000_000
_TAIL_BLOCK = 65_536


def size(path: Path) -> int:
    """Bytes in a log, 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def bound(path: Path, longest: int = LONGEST_BYTES) -> bool:
    """Move what is in a log that has grown too long to its predecessor.

    Processes write to the file itself, so that logging costs the supervisor nothing and a line
    never waits for it. They append, so the file can be emptied under them. A line written in the
    instant between copying and emptying is lost here; Loki has it.

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


def follow(path: Path, interval: float = 0.2) -> Iterator[str]:
    """New lines as they come, for ever; an empty string when there is none for `interval` s."""
    position, rest = size(path), b""
    while True:
        if size(path) < position:
            position, rest = 0, b""
        if size(path) > position:
            with path.open("rb") as file:
                file.seek(position)
                block = file.read()
            position += len(block)
            *complete, rest = (rest + block).split(b"\n")
            for line in complete:
                yield line.decode(errors="replace")
        else:
            yield ""
            time.sleep(interval)
