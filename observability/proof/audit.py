"""Checks audit chains: a missing, changed or reordered event is found and named."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from observability.instrumentation.audit import GENESIS, AuditEvent

Kind = Literal["missing", "changed", "reordered", "duplicate", "unreadable"]
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True)
class Break:
    """One place where a chain does not hold; `last` is above `sequence` where many are missing."""

    kind: Kind
    chain: str
    sequence: int
    explanation: str
    last: int

    @property
    def numbers(self) -> str:
        """The event that it is about, or the first and the last."""
        if self.last == self.sequence:
            return f"number {self.sequence}"
        return f"numbers {self.sequence} to {self.last}"


@dataclass(frozen=True)
class Place:
    """Where a chain has come to: the number and the hash of its newest event."""

    number: int = 0
    hash: str = GENESIS


def number_of(event: AuditEvent) -> int | None:
    """Its number in the chain; None if it says nothing that could be one."""
    return int(event.sequence) if _NUMBER.fullmatch(event.sequence) else None


def breaks(
    events: Iterable[AuditEvent], *, begun: bool = True, after: Place | None = None
) -> list[Break]:
    """Where the chains of these events do not hold.

    Args:
        events: in the order in which the store has them, of any number of chains.
        begun: whether each chain must begin with its first event; not so once retention has
            taken the oldest.
        after: what the events follow on, if they are of one chain and it was checked so far.
    """
    chains: dict[str, list[AuditEvent]] = defaultdict(list)
    for event in events:
        chains[event.chain].append(event)
    place = after or (Place() if begun else None)
    return [found for chain in sorted(chains) for found in _of_chain(chains[chain], place)]


def differences(journal: Sequence[AuditEvent], stored: Sequence[AuditEvent]) -> list[Break]:
    """What the store does not have as the journal does; tells of an end that was cut off, too."""
    by_sequence = {event.sequence: event for event in stored}
    found: list[Break] = []
    for event in journal:
        other = by_sequence.get(event.sequence)
        if other is None:
            found.append(_break("missing", event, "in the journal but not in the log store"))
        elif other != event:
            names = ", ".join(_differing(event, other))
            found.append(_break("changed", event, f"not what the journal has: {names}"))
    return found


def unreadable(chain: str, explanation: str) -> Break:
    """What is no event, or has no number."""
    return Break("unreadable", chain, 0, explanation, 0)


def _of_chain(events: list[AuditEvent], after: Place | None) -> list[Break]:
    nameless = [event for event in events if number_of(event) is None]
    if nameless:
        return [
            unreadable(one.chain, f"no sequence number: {one.action or 'unknown'}")
            for one in nameless
        ]
    return [*_changed(events), *_order(events, after), *_gaps(events, after)]


def _changed(events: list[AuditEvent]) -> list[Break]:
    return [
        _break("changed", event, f"{event.action} by {event.actor} on {event.target}")
        for event in events
        if event.digest() != event.hash
    ]


def _order(events: list[AuditEvent], after: Place | None) -> list[Break]:
    found: list[Break] = []
    newest = after.number if after else 0
    seen: set[str] = set()
    for event in events:
        if event.sequence in seen:
            found.append(_break("duplicate", event, "stands there twice"))
        elif int(event.sequence) <= newest:
            found.append(_break("reordered", event, f"stands after number {newest}"))
        seen.add(event.sequence)
        newest = max(newest, int(event.sequence))
    return found


def _gaps(events: list[AuditEvent], after: Place | None) -> list[Break]:
    """Numbers left out, and links that do not meet."""
    found: list[Break] = []
    inline = sorted({int(event.sequence): event for event in events}.items())
    place = after or Place(inline[0][0] - 1, inline[0][1].previous)
    for sequence, event in inline:
        if sequence <= place.number:
            continue
        if sequence > place.number + 1:
            between = f"between {place.number} and {sequence}"
            missing = place.number + 1
            found.append(Break("missing", event.chain, missing, between, sequence - 1))
        elif event.previous != place.hash:
            found.append(_break("changed", event, "does not follow on the event before it"))
        place = Place(sequence, event.hash)
    return found


def _break(kind: Kind, event: AuditEvent, explanation: str) -> Break:
    number = int(event.sequence)
    return Break(kind, event.chain, number, explanation, number)


def _differing(one: AuditEvent, other: AuditEvent) -> list[str]:
    theirs = asdict(other)
    return [name for name, value in asdict(one).items() if theirs[name] != value]
