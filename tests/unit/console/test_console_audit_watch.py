"""The console's watch over audit trails: a trail that is tampered with becomes a metric."""

import fcntl
import json
from pathlib import Path

import pytest

from observability.console.watching import AuditWatch
from observability.instrumentation.audit import Journal
from observability.instrumentation.metrics import registry

CONTENT = {
    name: name for name in ("action", "actor", "target", "source", "outcome", "detail", "trace")
}


def journal(folder: Path, chain: str, events: int = 3) -> Path:
    """A trail, with so many events more."""
    path = folder / f"{chain}.jsonl"
    for _ in range(events):
        Journal(path, chain).append(**CONTENT)
    return path


def broken(chain: str) -> float | None:
    """What the metric says."""
    return registry.get_sample_value("audit_chain_breaks", {"chain": chain})


def test_a_whole_trail_has_no_breaks_and_a_changed_one_has(tmp_path: Path) -> None:
    """A line that is altered, one that is taken out; none once it is as it was."""
    path = journal(tmp_path, "whole-1")
    watch = AuditWatch(tmp_path)
    watch.look()
    assert broken("whole-1") == 0
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + lines[1].replace('"actor": "actor"', '"actor": "nobody"') + lines[2])
    watch.look()
    assert broken("whole-1") == 1
    path.write_text(lines[0] + lines[2])
    watch.look()
    assert broken("whole-1") == 1
    path.write_text("".join(lines))
    watch.look()
    assert broken("whole-1") == 0


def test_a_break_is_logged_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the trail, so that whoever is called finds which one; again only if there are more."""
    path = journal(tmp_path, "told-1")
    watch = AuditWatch(tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    for content in (lines, lines[::2], lines[::2], lines, lines[::2]):
        path.write_text("".join(content))
        watch.look()
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["event"], one["chain"], one["breaks"]) for one in told] == [
        ("audit_chain_broken", "told-1", 1)
    ] * 2


def test_a_trail_that_grows_is_followed(tmp_path: Path) -> None:
    """Many looks, more events than are read at once; what is added must fit what was there."""
    watch = AuditWatch(tmp_path)
    for events in (1, 2, 700):
        path = journal(tmp_path, "grows-1", events)
        watch.look()
        assert broken("grows-1") == 0
    last = path.read_text().splitlines()[-1]
    with path.open("a") as file:
        file.write(last + "\n")
    watch.look()
    assert broken("grows-1") == 1


def test_an_end_that_is_cut_off_is_a_break(tmp_path: Path) -> None:
    """What is left fits together; but more was seen. Also when others follow in its place."""
    path = journal(tmp_path, "cut-1")
    watch = AuditWatch(tmp_path)
    watch.look()
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2]))
    watch.look()
    assert broken("cut-1") == 1
    journal(tmp_path, "cut-1", 4)
    watch.look()
    assert broken("cut-1") == 1


def test_a_whole_trail_that_vanishes_is_broken_until_it_is_back(tmp_path: Path) -> None:
    """One that begins anew in its place is not the same."""
    gone = journal(tmp_path, "gone-1")
    text = gone.read_text()
    watch = AuditWatch(tmp_path)
    watch.look()
    gone.unlink()
    watch.look()
    assert broken("gone-1") == 1
    journal(tmp_path, "gone-1")
    watch.look()
    assert broken("gone-1") == 1
    gone.write_text(text)
    watch.look()
    assert broken("gone-1") == 0


def test_a_broken_trail_that_is_put_away_is_forgotten(tmp_path: Path) -> None:
    """As its runbook says: the alert ends, and a new chain begins."""
    path = journal(tmp_path, "away-1")
    watch = AuditWatch(tmp_path)
    watch.look()
    path.write_text("not an event\n")
    watch.look()
    assert broken("away-1") == 2
    path.rename(tmp_path / "away-1.evidence")
    watch.look()
    assert broken("away-1") is None
    journal(tmp_path, "away-1")
    watch.look()
    assert broken("away-1") == 0


def test_a_line_of_an_odd_shape_is_a_break_and_no_error(tmp_path: Path) -> None:
    """Not JSON, a number where text belongs, an event of another chain."""
    path = journal(tmp_path, "odd-1")
    first = json.loads(path.read_text().splitlines()[0])
    other = journal(tmp_path, "other-1", 1).read_text()
    with path.open("a") as file:
        file.write(f"{json.dumps(first | {'sequence': 4})}\nnothing\n{other}")
    AuditWatch(tmp_path).look()
    assert broken("odd-1") == 3


def test_a_line_that_is_still_being_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    """It is neither a break nor lost."""
    path = journal(tmp_path, "half-1")
    whole = path.read_text()
    path.write_text(whole[:-10])
    watch = AuditWatch(tmp_path)
    watch.look()
    assert broken("half-1") == 0
    with path.open("a") as file:
        file.write(whole[-10:])
    watch.look()
    assert broken("half-1") == 0


def test_nobody_who_writes_is_waited_for_or_kept_waiting(tmp_path: Path) -> None:
    """A service that stands still in the middle of an event does not stop the watch."""
    path = journal(tmp_path, "locked-1")
    with path.open("ab") as writing:
        fcntl.flock(writing, fcntl.LOCK_EX)
        AuditWatch(tmp_path).look()
    assert broken("locked-1") == 0


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    """Nothing has been audited yet."""
    AuditWatch(tmp_path / "none").look()
