"""What `belfry status` shows."""

import io
from typing import Any

from rich.console import Console

from observability.stack import display


def row(**values: Any) -> dict[str, Any]:
    """A process that is ready, but for what the test says."""
    ready = {
        "name": "loki",
        "instance": "loki-1",
        "state": "ready",
        "reason": "",
        "version": "3.7.8",
        "port": 3100,
        "pid": 4711,
        "memory_bytes": 120_000_000,
        "started_at": 1000.0,
        "restarts": 0,
    }
    return ready | values


def shown(*rows: dict[str, Any]) -> list[str]:
    """The lines on a terminal of 80 columns, 65 s after the start."""
    page = io.StringIO()
    Console(file=page, width=80).print(display.table(rows, now=1065.0))
    return [line.rstrip() for line in page.getvalue().splitlines()]


def test_a_row_tells_how_a_process_stands() -> None:
    """On one line of an ordinary terminal."""
    heading, line = shown(row())
    assert " ".join(heading.split()) == "process state version port memory uptime restarts pid"
    assert " ".join(line.split()) == "loki ready 3.7.8 3100 120 MB 1 min 05 s 0 4711"


def test_why_a_process_is_not_ready_stands_whole_below_the_table() -> None:
    """A reason is a sentence: in a column it would be a word a line."""
    reason = "compiles 76 of 1632, 61 s of about 220 s"
    lines = shown(row(state="building", reason=reason, pid=None, started_at=None), row())
    assert len(lines) == 4
    assert lines[-1] == f"  loki-1 building: {reason}"


def test_replicas_are_told_apart() -> None:
    """By their instance, where there are several."""
    lines = shown(row(name="worker", instance="worker-1"), row(name="worker", instance="worker-2"))
    assert [line.split()[0] for line in lines[1:]] == ["worker-1", "worker-2"]
