"""A run as a person sees it: what each drill is about now, and the table at the end."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

from rich import box
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from observability.proof.drill.model import Scenario
from observability.proof.drill.outcome import Report, Rung
from observability.proof.drill.playing import Told

_SUITE = "belfry drill"


@contextmanager
def progress(console: Console) -> Iterator[Told]:
    """A line for each news; on a screen, what goes on now stands below, too."""
    began = time.monotonic()
    now: dict[str, str] = {}
    with Live(console=console, refresh_per_second=4, transient=True) as live:

        def tell(name: str, what: str) -> None:
            seconds = time.monotonic() - began
            console.print(
                f"[dim]{seconds:7.1f} s[/]  [bold]{name}[/]  {escape(what)}", soft_wrap=True
            )
            now[name] = what
            if what.endswith(" s)"):  # it has come to its end
                del now[name]
            grid = Table.grid(padding=(0, 2))
            for running, doing in now.items():
                grid.add_row(f"[cyan]{running}[/]", escape(doing))
            if console.is_terminal:
                live.update(grid)

        yield tell


def scenarios(found: list[Scenario]) -> Table:
    """What can be played."""
    table = Table("drill", "what is done", "rings", box=box.SIMPLE_HEAD)
    for one in found:
        table.add_row(one.name, one.what, "\n".join(escape(str(alert)) for alert in one.expect))
    return table


def results(report: Report) -> Table:
    """The table: a line for each expected alert."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "drill", "alert"):
        table.add_column(heading, no_wrap=True)
    for heading in ("severity", "firing", "received", "resolved"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in report.outcomes:
        mark = "[green]✓[/]" if one.ok else "[red]✗[/]"
        for number, rung in enumerate(one.alerts or [Rung("")]):
            first = (mark, one.drill) if number == 0 else ("", "")
            times = (rung.firing, rung.received, rung.resolved)
            table.add_row(*first, escape(rung.alert), rung.severity, *map(_seconds, times))
    return table


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"


def verdict(report: Report) -> list[str]:
    """What it comes to, in lines."""
    good = sum(one.ok for one in report.outcomes)
    lines = [f"{one.drill}: {text}" for one in report.outcomes for text in one.evidence]
    lines += [f"{one.drill}: WRONG: {text}" for one in report.outcomes for text in one.problems]
    lines += [
        f"{one.drill}: the first time: {text}" for one in report.outcomes for text in one.before
    ]
    lines += [f"{good} of {len(report.outcomes)} drills hold, in {report.seconds:.0f} s"]
    if report.received_p95 is not None and report.first_received_p95 is not None:
        lines.append(
            f"paging alerts: fault to received, p95 {report.received_p95:.1f} s;"
            f" first of each drill, p95 {report.first_received_p95:.1f} s"
        )
    lines += [f"false alarm: {one}" for one in report.false_alarms]
    lines += [f"not put back: {one}" for one in report.not_restored]
    return lines


def write_junit(report: Report, path: Path) -> None:
    """Write the run as JUnit's XML: a test case for each drill, two for what holds of all."""
    of_all = {"no false alarm": report.false_alarms, "all is as before": report.not_restored}
    failed = sum(not one.ok for one in report.outcomes) + sum(map(bool, of_all.values()))
    suite = ElementTree.Element(
        "testsuite",
        name=_SUITE,
        tests=str(len(report.outcomes) + len(of_all)),
        failures=str(failed),
        time=f"{report.seconds:.1f}",
    )
    for one in report.outcomes:
        said = [f"the first time: {text}" for text in one.before] + one.evidence
        _case(suite, one.drill, one.seconds, one.problems, said)
    for name, problems in of_all.items():
        _case(suite, name, 0.0, problems, [])
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def _case(
    suite: ElementTree.Element, name: str, seconds: float, problems: list[str], said: list[str]
) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=_SUITE, name=name, time=f"{seconds:.1f}"
    )
    if problems:
        failure = ElementTree.SubElement(case, "failure", message=problems[0])
        failure.text = "\n".join(problems)
    if said:
        ElementTree.SubElement(case, "system-out").text = "\n".join(said)
