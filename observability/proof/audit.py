"""Checks audit chains: a missing, changed or reordered event is found and named."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from observability.instrumentation.audit import GENESIS, AuditEvent

Kind = Literal["missing", "changed", "reordered", "duplicate", "unreadable"]


@dataclass(frozen=True)
class Break:
    """One place where a chain does not hold."""

    kind: Kind
    chain: str
    sequence: int
    explanation: str


def breaks(events: Iterable[AuditEvent], *, begun: bool = True) -> list[Break]:
    """Where the chains of these events do not hold.

    Args:
        events: in the order in which the store has them, of any number of chains.
        begun: whether each chain must begin with its first event; not so once retention has
            taken the oldest.
    """
    chains: dict[str, list[AuditEvent]] = defaultdict(list)
    for event in events:
        chains[event.chain].append(event)
    return [found for chain in sorted(chains) for found in _of_chain(chains[chain], begun)]


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


def _of_chain(events: list[AuditEvent], begun: bool) -> list[Break]:
    unreadable = [event for event in events if not event.sequence.isdigit()]
    if unreadable:
        return [
            Break("unreadable", one.chain, 0, f"no sequence number: {one.action or 'unknown'}")
            for one in unreadable
        ]
    return [*_changed(events), *_order(events), *_gaps(events, begun)]


def _changed(events: list[AuditEvent]) -> list[Break]:
    return [
        _break("changed", event, f"{event.action} by {event.actor} on {event.target}")
        for event in events
        if event.digest() != event.hash
    ]


def _order(events: list[AuditEvent]) -> list[Break]:
    found: list[Break] = []
    newest = 0
    seen: set[str] = set()
    for event in events:
        if event.sequence in seen:
            found.append(_break("duplicate", event, "stands there twice"))
        elif int(event.sequence) < newest:
            found.append(_break("reordered", event, f"stands after number {newest}"))
        seen.add(event.sequence)
        newest = max(newest, int(event.sequence))
    return found


def _gaps(events: list[AuditEvent], begun: bool) -> list[Break]:
    """Numbers left out, and links that do not meet."""
    found: list[Break] = []
    inline = sorted({int(event.sequence): event for event in events}.items())
    number, previous = (0, GENESIS) if begun else (inline[0][0] - 1, inline[0][1].previous)
    for sequence, event in inline:
        if sequence > number + 1:
            missing = range(number + 1, sequence)
            found.extend(
                Break("missing", event.chain, one, f"between {number} and {sequence}")
                for one in missing
            )
        elif event.previous != previous:
            found.append(_break("changed", event, "does not follow on the event before it"))
        number, previous = sequence, event.hash
    return found


def _break(kind: Kind, event: AuditEvent, explanation: str) -> Break:
    return Break(kind, event.chain, int(event.sequence), explanation)


def _differing(one: AuditEvent, other: AuditEvent) -> list[str]:
    theirs = asdict(other)
    return [name for name, value in asdict(one).items() if theirs[name] != value]
