"""The console's watch over audit trails: a trail that is tampered with becomes a metric."""

from pathlib import Path

from observability.console.watching import AuditWatch
from observability.instrumentation.audit import Journal
from observability.instrumentation.metrics import registry

CONTENT = {
    name: name for name in ("action", "actor", "target", "source", "outcome", "detail", "trace")
}


def journal(folder: Path, chain: str) -> Path:
    """A trail of three events."""
    path = folder / f"{chain}.jsonl"
    for _ in range(3):
        Journal(path, chain).append(**CONTENT)
    return path


def broken(chain: str) -> float | None:
    """What the metric says."""
    return registry.get_sample_value("audit_chain_breaks", {"chain": chain})


def test_a_whole_trail_has_no_breaks_and_a_changed_one_has(tmp_path: Path) -> None:
    """A line that is altered, one that is taken out."""
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


def test_a_trail_that_vanishes_or_cannot_be_read_is_broken(tmp_path: Path) -> None:
    """And one that begins anew is whole again."""
    gone, garbled = journal(tmp_path, "gone-1"), journal(tmp_path, "garbled-1")
    watch = AuditWatch(tmp_path)
    watch.look()
    gone.unlink()
    garbled.write_text("not an event\n")
    watch.look()
    assert (broken("gone-1"), broken("garbled-1")) == (1, 1)
    journal(tmp_path, "gone-1")
    watch.look()
    assert broken("gone-1") == 0


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    """Nothing has been audited yet."""
    AuditWatch(tmp_path / "none").look()
