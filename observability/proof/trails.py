"""Follows an audit trail: what is new is checked, and what was checked must stay as it was."""

import hashlib
import os
from itertools import islice, takewhile
from pathlib import Path
from typing import BinaryIO

from observability.instrumentation.audit import AuditEvent
from observability.proof.audit import Place, breaks, number_of

_LINES_AT_ONCE = 500
_PIECE = 1 << 20

Version = tuple[int, int, int]


class Trail:
    """One journal. Whole lines are read and no lock is taken: who writes is never held up.

    What was seen of a whole trail is remembered: an end that is cut off, or a trail written anew
    from its beginning, is a break although what is left fits together.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: Version | None = None
        self._furthest = Place()
        self._begin()

    @property
    def whole(self) -> bool:
        """Whether it held when it was looked at last; not if it never could be."""
        return self._seen is not None and self.breaks == 0

    @property
    def breaks(self) -> int:
        """In how many places it did not hold then."""
        return self._found + (not self._met)

    def look(self) -> int:
        """Check what has changed; in how many places it does not hold.

        Raises:
            OSError: it cannot be read.
        """
        with self._path.open("rb") as file:
            version = _version(file)
            if version != self._seen:
                if _digest(file, self._offset) != self._checked.digest():
                    self._begin()
                self._read_on(file)
                self._seen = version
        if self.whole:
            self._furthest = self._place
        return self.breaks

    def _begin(self) -> None:
        """Nothing is checked; what was seen before must be met again."""
        self._offset = 0
        self._checked = hashlib.sha256()
        self._place = Place()
        self._found = 0
        self._met = self._furthest == Place()

    def _read_on(self, file: BinaryIO) -> None:
        file.seek(self._offset)
        # A line without an end is still being written: it is read with what follows it.
        whole = takewhile(lambda line: line.endswith(b"\n"), file)
        while lines := list(islice(whole, _LINES_AT_ONCE)):
            self._check(lines)

    def _check(self, lines: list[bytes]) -> None:
        events = []
        for line in lines:
            self._offset += len(line)
            self._checked.update(line)
            try:
                events.append(self._event(line))
            except ValueError:
                self._found += 1
        self._found += len(breaks(events, after=self._place))
        for event in events:
            place = Place(number_of(event) or 0, event.hash)
            self._met = self._met or place == self._furthest
            self._place = max(self._place, place, key=lambda one: one.number)

    def _event(self, line: bytes) -> AuditEvent:
        event = AuditEvent.from_line(line)
        if event.chain != self._path.stem:
            raise ValueError("an event of another chain")
        return event


def _version(file: BinaryIO) -> Version:
    """Changes with every write; unlike the time of the last change, nobody can set it back."""
    found = os.fstat(file.fileno())
    return found.st_ino, found.st_ctime_ns, found.st_size


def _digest(file: BinaryIO, size: int) -> bytes:
    """Of the first `size` bytes, or of all if there are fewer."""
    digest = hashlib.sha256()
    while size > 0 and (piece := file.read(min(size, _PIECE))):
        digest.update(piece)
        size -= len(piece)
    return digest.digest()
