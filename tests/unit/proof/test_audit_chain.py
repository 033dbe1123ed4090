"""An audit chain shows whatever was done to it."""

import dataclasses
import json
from pathlib import Path

import pytest

from observability.instrumentation.audit import AuditEvent, Journal, read_journal
from observability.proof.audit import Place, breaks, differences


def _write(path: Path, count: int, chain: str = "account-1") -> list[AuditEvent]:
    journal = Journal(path, chain)
    for number in range(count):
        journal.append(
            action="sign_in",
            actor=f"user-{number}",
            target="session",
            source="127.0.0.1",
            outcome="success",
            detail="{}",
            trace="",
        )
    return read_journal(path)


@pytest.fixture
def events(tmp_path: Path) -> list[AuditEvent]:
    """A chain of five events."""
    return _write(tmp_path / "account-1.jsonl", 5)


def test_an_untouched_chain_holds(events: list[AuditEvent]) -> None:
    """Five events in order, each following on the one before."""
    assert [event.sequence for event in events] == ["1", "2", "3", "4", "5"]
    assert breaks(events) == []


def test_a_chain_goes_on_after_a_restart(tmp_path: Path) -> None:
    """A second journal on the same file continues the numbers and the hashes."""
    path = tmp_path / "account-1.jsonl"
    _write(path, 2)
    assert [event.sequence for event in _write(path, 2)] == ["1", "2", "3", "4"]
    assert breaks(read_journal(path)) == []


def test_a_line_cut_short_by_a_crash_is_given_up(tmp_path: Path) -> None:
    """The next event follows on the last whole one."""
    path = tmp_path / "account-1.jsonl"
    _write(path, 2)
    with path.open("a") as file:
        file.write('{"chain": "account-1", "sequ')
    assert [event.sequence for event in _write(path, 1)] == ["1", "2", "3"]
    assert breaks(read_journal(path)) == []


def test_a_missing_event_is_named(events: list[AuditEvent]) -> None:
    """By its chain and number."""
    found = breaks([*events[:2], *events[3:]])
    assert [(one.kind, one.chain, one.sequence) for one in found] == [("missing", "account-1", 3)]


@pytest.mark.parametrize("field", ["action", "actor", "target", "source", "outcome", "at", "trace"])
def test_a_changed_event_is_named(events: list[AuditEvent], field: str) -> None:
    """Whichever of its parts was changed."""
    changed = dataclasses.replace(events[2], **{field: "somebody else"})
    found = breaks([*events[:2], changed, *events[3:]])
    assert [(one.kind, one.sequence) for one in found] == [("changed", 3)]


def test_an_event_changed_together_with_its_hash_breaks_the_next_link(
    events: list[AuditEvent],
) -> None:
    """Who rewrites one event would have to rewrite all that follow."""
    changed = dataclasses.replace(events[2], actor="somebody else")
    changed = dataclasses.replace(changed, hash=changed.digest())
    found = breaks([*events[:2], changed, *events[3:]])
    assert [(one.kind, one.sequence) for one in found] == [("changed", 4)]


def test_reordered_events_are_named(events: list[AuditEvent]) -> None:
    """Two that changed places: the one that comes too late."""
    found = breaks([events[0], events[2], events[1], *events[3:]])
    assert [(one.kind, one.sequence) for one in found] == [("reordered", 2)]


def test_an_event_that_stands_there_twice_is_named(events: list[AuditEvent]) -> None:
    """A replayed event."""
    found = breaks([*events, events[1]])
    assert [(one.kind, one.sequence) for one in found] == [("duplicate", 2)]


def test_a_missing_beginning_is_named_unless_retention_took_it(events: list[AuditEvent]) -> None:
    """The first numbers are missing only while the chain must be whole."""
    assert [one.numbers for one in breaks(events[2:])] == ["numbers 1 to 2"]
    assert breaks(events[2:], begun=False) == []


def test_however_many_are_missing_it_is_one_break(events: list[AuditEvent]) -> None:
    """Whoever writes a high number costs neither time nor memory."""
    high = dataclasses.replace(events[4], sequence="300000000000000000")
    high = dataclasses.replace(high, hash=high.digest())
    [found] = breaks([*events[:2], high])
    assert (found.kind, found.sequence, found.last) == ("missing", 3, 299_999_999_999_999_999)


@pytest.mark.parametrize("number", ["", "0", "-1", "2.5", "\u00b2", "9" * 5000])
def test_what_is_no_number_is_unreadable(events: list[AuditEvent], number: str) -> None:
    """Also what Python would take for digits, or refuse to turn into a number."""
    odd = dataclasses.replace(events[2], sequence=number)
    assert [one.kind for one in breaks([*events[:2], odd])] == ["unreadable"]


def test_events_that_follow_on_a_place_are_checked_from_there(events: list[AuditEvent]) -> None:
    """Without what came before; one that stands there again is out of order."""
    place = Place(2, events[1].hash)
    assert breaks(events[2:], after=place) == []
    assert [one.kind for one in breaks(events[3:], after=place)] == ["missing"]
    assert [one.kind for one in breaks(events[1:], after=place)] == ["reordered"]
    assert [one.kind for one in breaks(events[2:], after=Place(2, "another"))] == ["changed"]


def test_an_end_that_was_cut_off_is_found_by_the_journal(events: list[AuditEvent]) -> None:
    """The chain alone cannot show it; the journal does."""
    assert breaks(events[:3]) == []
    found = differences(events, events[:3])
    assert [(one.kind, one.sequence) for one in found] == [("missing", 4), ("missing", 5)]


def test_chains_are_checked_apart(tmp_path: Path, events: list[AuditEvent]) -> None:
    """Events of two instances, interleaved as a log store has them."""
    other = _write(tmp_path / "catalog-1.jsonl", 5, "catalog-1")
    mixed = [event for pair in zip(events, other, strict=True) for event in pair]
    assert breaks(mixed) == []


def test_an_event_survives_the_way_through_log_fields(events: list[AuditEvent]) -> None:
    """What comes back from a log store is the same event."""
    assert [AuditEvent.from_log_fields(event.log_fields()) for event in events] == events


@pytest.mark.parametrize("line", ['{"not": "an event"}', "3", "[" * 100_000, '{"sequence": 2}'])
def test_a_journal_that_is_no_journal_is_refused(
    tmp_path: Path, events: list[AuditEvent], line: str
) -> None:
    """With the line that is wrong; a value that is not text is wrong too."""
    if "sequence" in line:
        line = json.dumps(dataclasses.asdict(events[0]) | json.loads(line))
    path = tmp_path / "account-1.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(ValueError, match="line 1"):
        read_journal(path)
