"""What `belfry up` and `belfry status` show: progress, addresses to open, a table."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from observability.durations import elapsed

Row = Mapping[str, Any]

_STYLES = {
    "ready": "green",
    "starting": "cyan",
    "building": "blue",
    "unready": "yellow",
    "backing-off": "yellow",
    "failed": "red",
    "stopped": "dim",
}
_BUILD_NEWS_SECONDS = 15.0


class Progress(Protocol):
    """Shows how the stack comes up."""

    def update(self, rows: Sequence[Row]) -> None:
        """Show how things stand: objects as `belfry status --json` has them."""

    def close(self) -> None:
        """Leave the terminal as it is to stay."""


def progress(console: Console, pages: Mapping[str, str], began: float) -> Progress:
    """A live view on a terminal, lines elsewhere.

    Args:
        console: where to.
        pages: addresses to open, by process name.
        began: when the stack began to start, by `time.monotonic()`.
    """
    if console.is_terminal:
        return LiveProgress(console, pages, began)
    return PlainProgress(console, began)


class LiveProgress:
    """A few lines rewritten in place: how many are ready, what the others wait for."""

    def __init__(self, console: Console, pages: Mapping[str, str], began: float) -> None:
        self._pages = pages
        self._began = began
        self._live = Live(console=console, refresh_per_second=8, transient=True)
        self._live.start()

    def update(self, rows: Sequence[Row]) -> None:
        """Rewrite the lines."""
        self._live.update(Group(*self._lines(rows)))

    def close(self) -> None:
        """Take the lines away."""
        self._live.stop()

    def _lines(self, rows: Sequence[Row]) -> list[Text]:
        ready = sum(row["state"] == "ready" for row in rows)
        taken = elapsed(time.monotonic() - self._began)
        heading = Text(f"{ready} of {len(rows)} ready after {taken}", style="bold")
        waiting = [line for row, line in _lines_of(rows) if row["state"] != "ready"]
        ready_names = {row["name"] for row in rows if row["state"] == "ready"}
        to_open = [
            Text(f"  open {page}", style="green")
            for name, page in self._pages.items()
            if name in ready_names
        ]
        return [heading, *waiting, *to_open]


class PlainProgress:
    """A line for each change, for logs and pipes; a build under way reports every 15 s."""

    def __init__(self, console: Console, began: float, known: Sequence[Row] = ()) -> None:
        self._console = console
        self._began = began
        self._shown = {row["instance"]: row["state"] for row in known}
        self._build_news = 0.0
        self._reasons: dict[str, str] = {}

    def update(self, rows: Sequence[Row]) -> None:
        """Print what has changed since the last time."""
        now = time.monotonic()
        build_news = now - self._build_news >= _BUILD_NEWS_SECONDS
        for row, line in _lines_of(rows):
            changed = self._shown.get(row["instance"]) != row["state"]
            moved = self._reasons.get(row["instance"]) != row["reason"]
            if changed or (build_news and moved and row["state"] == "building"):
                self._shown[row["instance"]] = row["state"]
                self._reasons[row["instance"]] = row["reason"]
                after = f"{now - self._began:7.1f} s"
                self._console.print(Text(after).append_text(line), soft_wrap=True)
        for instance in self._shown.keys() - {row["instance"] for row in rows}:
            del self._shown[instance]
        if build_news:
            self._build_news = now

    def close(self) -> None:
        """Nothing to tidy up."""


def announce(console: Console, rows: Sequence[Row], pages: Mapping[str, str], took: float) -> None:
    """Say that the stack is ready, or what of it is not, and what to open."""
    lacking = [line for row, line in _lines_of(rows) if row["state"] != "ready"]
    if lacking or not rows:
        console.print(Text(f"not ready after {took:.1f} s:", style="bold red"))
        for line in lacking:
            console.print(line, soft_wrap=True)
    else:
        console.print(Text(f"ready after {took:.1f} s", style="bold green"))
    running = {row["name"] for row in rows if row["state"] == "ready"}
    for name, page in pages.items():
        if name in running:
            console.print(Text(f"  {page}"), soft_wrap=True)


def table(rows: Sequence[Row], now: float) -> Group:
    """The table of `belfry status`; below it, at any width, why something is not ready.

    Args:
        rows: objects as `belfry status --json` has them.
        now: seconds since 1970, for the uptimes.
    """
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("process", "state"):
        shown.add_column(heading, no_wrap=True)
    for heading in ("version", "port", "memory", "uptime", "restarts", "pid"):
        shown.add_column(heading, no_wrap=True, justify="right")
    for row, label in zip(rows, _labels(rows), strict=True):
        uptime = elapsed(now - row["started_at"]) if row["started_at"] else "-"
        shown.add_row(
            label,
            Text(row["state"], style=_STYLES[row["state"]]),
            row["version"],
            str(row["port"]),
            f"{row['memory_bytes'] / 1_000_000:.0f} MB" if row["pid"] else "-",
            uptime,
            str(row["restarts"]),
            str(row["pid"] or "-"),
        )
    return Group(shown, *(line for row, line in _lines_of(rows) if row["reason"]))


def _labels(rows: Sequence[Row]) -> list[str]:
    """What to call each: by its name, or by its instance where there are replicas."""
    replicas = Counter(row["name"] for row in rows)
    return [row["instance"] if replicas[row["name"]] > 1 else row["name"] for row in rows]


def _lines_of(rows: Sequence[Row]) -> Iterator[tuple[Row, Text]]:
    """Each with the line that tells its state and the reason for it."""
    for row, label in zip(rows, _labels(rows), strict=True):
        line = Text(f"  {label} ").append(row["state"], style=_STYLES[row["state"]])
        yield row, line.append(f": {row['reason']}" if row["reason"] else "")
