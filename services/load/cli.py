"""`belfry load`: traffic through the gateway, with a live table."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.live import Live

import services
from observability.exits import UsageError
from observability.settings import load_settings
from services.load.plan import LoadPlan, checked_host
from services.load.report import Report, render

app = typer.Typer(
    help="Send browsing and buying users through the gateway.",
    add_completion=False,
    subcommand_metavar="",
)


@app.callback(invoke_without_command=True)
def load(  # noqa: PLR0913 - typer wants one parameter an option
    *,
    users: Annotated[int, typer.Option(min=1, help="Users at work at once.")] = 10,
    rate: Annotated[
        float | None, typer.Option(min=0.01, help="Most requests per second in total.")
    ] = None,
    duration: Annotated[float, typer.Option(min=0.1, help="Seconds to run.")] = 60.0,
    host: Annotated[
        str | None, typer.Option(help="Address of the gateway. [default: the stack's]")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON at the end.")
    ] = False,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Accept a host that is not this machine.")
    ] = False,
) -> None:
    """Send browsing and buying users through the gateway; exit 1 if a request failed."""
    # what the settings say is the stack's own, on whichever machine or in whichever container
    own = load_settings().url("gateway")
    address = checked_host(host or own, allow_remote=allow_remote or host is None)
    plan = LoadPlan(host=address, users=users, rate=rate, duration=duration)
    _check_reachable(plan.host)
    report = _run_live(plan, Console(stderr=as_json))
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
    raise typer.Exit(0 if report.holds else 1)


def _check_reachable(host: str) -> None:
    """Raise UsageError if nothing at all answers at the address."""
    try:
        httpx.get(host, timeout=10.0)
    except httpx.TransportError as error:
        message = f"nothing answers at {host} ({error}): start the shop with `belfry up`"
        raise UsageError(message) from error


def _run_live(plan: LoadPlan, console: Console) -> Report:
    """Run the plan, drawing each report where there is a screen, and return the last."""
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def draw(report: Report) -> None:
            if console.is_terminal:
                live.update(render(report), refresh=True)

        report = _run(plan, draw)
    console.print(render(report))
    return report


def _run(plan: LoadPlan, draw: Callable[[Report], None]) -> Report:
    """Run the plan in Locust's own process and return its final report.

    Raises:
        UsageError: If that process ended without one; its own words went to standard error.
    """
    report = None
    with _locust(plan) as lines:
        for line in lines:
            report = Report.model_validate_json(line)
            draw(report)
    if report is None or not report.finished:
        message = "the load process ended early: its last words are above"
        raise UsageError(message)
    return report


@contextmanager
def _locust(plan: LoadPlan) -> Iterator[Iterator[str]]:
    """Start the process, give its lines, and pass Ctrl-C on as a request to stop."""
    root = str(Path(services.__file__).parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "services.load.runner", plan.model_dump_json()],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that Ctrl-C reaches only this process, which then asks nicely
    )

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        process.terminate()

    before = {n: signal.signal(n, ask_to_stop) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert process.stdout is not None  # noqa: S101 - for the type checker: it was asked for
        yield iter(process.stdout)
        process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if process.poll() is None:
            process.kill()
            process.wait()
