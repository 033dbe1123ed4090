"""The audit trail: whatever is recorded neither raises nor breaks its chain."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from observability import audit
from observability.instrumentation.audit import GENESIS, AuditEvent, Journal, read_journal
from tests.unit.instrumentation.conftest import Observed

Observe = Callable[[FastAPI], Observed]
Lines = Callable[[], list[dict[str, Any]]]


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BELFRY_AUDIT_DIR", str(tmp_path))
    return tmp_path


def recorded(folder: Path) -> list[AuditEvent]:
    [journal] = folder.glob("*.jsonl")
    return read_journal(journal)


def cycle() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    "content",
    [
        {"actor": None, "target": 5},
        {"actor": Unprintable(), "target": "t"},
        {"actor": "a", "target": "t", "detail": cycle()},
        {"actor": "a", "target": "t", "detail": {(1, 2): "tuple"}},
        {"actor": "\ud800", "target": "t", "source": 7, "outcome": None},
        {"actor": "a", "target": "t", "detail": Unprintable()},
    ],
)
def test_whatever_is_passed_is_recorded(
    content: dict[str, Any], observe: Observe, folder: Path
) -> None:
    """An audit of something odd is an event like any other; nothing comes out of the call."""
    observe(FastAPI())
    audit("odd", **content)
    audit("next", actor="a", target="t")
    first, second = recorded(folder)
    assert first.hash == first.digest()
    assert second.previous == first.hash


def test_a_folder_that_cannot_be_written_is_told_and_not_raised(
    observe: Observe, folder: Path, monkeypatch: pytest.MonkeyPatch, log_lines: Lines
) -> None:
    """The line says what was not recorded."""
    observe(FastAPI())
    (folder / "file").touch()
    monkeypatch.setenv("BELFRY_AUDIT_DIR", str(folder / "file" / "below"))
    audit("lost", actor="a", target="t")
    [line] = [line for line in log_lines() if line["event"] == "audit_not_recorded"]
    assert (line["action"], line["log_stream"]) == ("lost", "audit")


def test_long_events_do_not_stop_their_chain(tmp_path: Path) -> None:
    """An event longer than what is usually read of the file's end is still found."""
    journal = Journal(tmp_path / "c.jsonl", "c")
    content = {"action": "a", "source": "", "outcome": "success", "detail": "{}", "trace": ""}
    for size in (10, 20_000, 70_000, 10, 16_000):
        journal.append(actor="ü" * size, target="t", **content)
    events = read_journal(tmp_path / "c.jsonl")
    assert [event.sequence for event in events] == ["1", "2", "3", "4", "5"]
    assert events[0].previous == GENESIS
    assert all(two.previous == one.hash for one, two in itertools.pairwise(events))


def test_a_long_event_that_a_crash_cut_short_is_given_up(tmp_path: Path) -> None:
    """Its remains are taken off, however long, and the chain goes on from the last whole one."""
    path = tmp_path / "c.jsonl"
    journal = Journal(path, "c")
    content = {"action": "a", "source": "", "outcome": "success", "detail": "{}", "trace": ""}
    journal.append(actor="x" * 30_000, target="t", **content)
    with path.open("ab") as file:
        file.write(b'{"chain": "' + b"y" * 40_000)
    journal.append(actor="z", target="t", **content)
    first, second = read_journal(path)
    assert second.previous == first.hash


def test_long_detail_stays_json(observe: Observe, folder: Path) -> None:
    """Values are cut and the last ones left out, so that what is kept can be read."""
    observe(FastAPI())
    audit("changed", actor="a" * 1000, target="t", **{f"key{n:03}": "ü" * 500 for n in range(100)})
    audit("changed", actor="a", target="t", old=1.5, new=2)
    long, short = recorded(folder)
    detail = json.loads(long.detail)
    assert detail["key000"].startswith("ü")
    assert len(long.detail) <= 512
    assert len(long.actor) == 512
    assert json.loads(short.detail) == {"old": 1.5, "new": 2}
