"""What `belfry up` and `belfry status` show: progress, addresses to open, a table."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

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


def progress(console: Console, pages: Mapping[str, str]) -> Progress:
    """A live view on a terminal, lines elsewhere; `pages` are addresses by process name."""
    return LiveProgress(console, pages) if console.is_terminal else PlainProgress(console)


class LiveProgress:
    """A few lines rewritten in place: how many are ready, what the others wait for."""

    def __init__(self, console: Console, pages: Mapping[str, str]) -> None:
        self._pages = pages
        self._began = time.monotonic()
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
        elapsed = duration(time.monotonic() - self._began)
        heading = Text(f"{ready} of {len(rows)} ready after {elapsed}", style="bold")
        waiting = [_line(row) for row in rows if row["state"] != "ready"]
        ready_names = {row["name"] for row in rows if row["state"] == "ready"}
        to_open = [
            Text(f"  open {page}", style="green")
            for name, page in self._pages.items()
            if name in ready_names
        ]
        return [heading, *waiting, *to_open]


class PlainProgress:
    """A line for each change, for logs and pipes; builds report every 15 s."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._shown: dict[str, str] = {}
        self._build_news = 0.0

    def update(self, rows: Sequence[Row]) -> None:
        """Print what has changed since the last time."""
        now = time.monotonic()
        build_news = now - self._build_news >= _BUILD_NEWS_SECONDS
        for row in rows:
            changed = self._shown.get(row["instance"]) != row["state"]
            if changed or (build_news and row["state"] == "building"):
                self._shown[row["instance"]] = row["state"]
                after = f"{now - self._began:7.1f} s"
                self._console.print(Text(f"{after}{_line(row).plain}"), soft_wrap=True)
        for instance in self._shown.keys() - {row["instance"] for row in rows}:
            del self._shown[instance]
        if build_news:
            self._build_news = now

    def close(self) -> None:
        """Nothing to tidy up."""


def announce(console: Console, rows: Sequence[Row], pages: Mapping[str, str], took: float) -> None:
    """Say that the stack is ready, or what of it is not, and what to open."""
    lacking = [row for row in rows if row["state"] != "ready"]
    if lacking:
        console.print(Text(f"not ready after {took:.1f} s:", style="bold red"))
        for row in lacking:
            console.print(_line(row), soft_wrap=True)
    else:
        console.print(Text(f"ready after {took:.1f} s", style="bold green"))
    running = {row["name"] for row in rows if row["state"] == "ready"}
    for name, page in pages.items():
        if name in running:
            console.print(Text(f"  {page}"), soft_wrap=True)


def table(rows: Sequence[Row], now: float) -> Table:
    """The table of `belfry status`.

    Args:
        rows: objects as `belfry status --json` has them.
        now: seconds since 1970, for the uptimes.
    """
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("process", "state"):
        shown.add_column(heading, no_wrap=True)
    for heading in ("version", "port", "memory", "uptime", "restarts", "pid"):
        shown.add_column(heading, no_wrap=True, justify="right")
    shown.add_column("why not ready", overflow="fold")
    replicas = Counter(row["name"] for row in rows)
    for row in rows:
        uptime = duration(now - row["started_at"]) if row["started_at"] else "-"
        shown.add_row(
            row["instance"] if replicas[row["name"]] > 1 else row["name"],
            Text(row["state"], style=_STYLES[row["state"]]),
            row["version"],
            str(row["port"]),
            f"{row['memory_bytes'] / 1_000_000:.0f} MB" if row["pid"] else "-",
            uptime,
            str(row["restarts"]),
            str(row["pid"] or "-"),
            Text(row["reason"]),
        )
    return shown


def duration(seconds: float) -> str:
    """Seconds as a person says them: `42 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def _line(row: Row) -> Text:
    reason = f": {row['reason']}" if row["reason"] else ""
    text = Text(f"  {row['instance']} ")
    text.append(row["state"], style=_STYLES[row["state"]])
    return text.append(reason)
