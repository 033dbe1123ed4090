"""What `belfry drill` does; each returns its exit code."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console

from observability.exits import DOES_NOT_HOLD, HOLDS
from observability.proof.drill import running, showing
from observability.proof.drill.model import load
from observability.proof.drill.restoring import Journal
from observability.settings import load_settings
from observability.stack import audited

#: Of a table that is written to a file.
_WIDTH = 160


def show(names: Sequence[str], third: int | None, *, as_json: bool) -> int:
    """`belfry drill --list`."""
    found = load().chosen(names, third)
    if as_json:
        rows = [
            {"name": one.name, "what": one.what, "expect": [str(alert) for alert in one.expect]}
            for one in found
        ]
        typer.echo(json.dumps(rows, indent=2))
    else:
        Console().print(showing.scenarios(found))
    return HOLDS


def play(  # noqa: PLR0913 - the command's options
    names: Sequence[str],
    third: int | None,
    at_once: int,
    *,
    again: bool,
    as_json: bool,
    junit: Path | None,
) -> int:
    """`belfry drill`: 0 if every scenario holds and nobody was disturbed for nothing.

    Raises:
        UsageError: no such scenario, or another run is under way.
    """
    settings, catalogue = load_settings(), load()
    chosen = catalogue.chosen(names, third)
    console = Console(stderr=as_json, highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    try:
        with audited.joined(settings), showing.progress(console) as tell:
            report = asyncio.run(
                running.run(settings, catalogue, chosen, at_once, tell, again=again)
            )
    except running.NotReadyError as error:
        typer.echo(f"belfry: {error}", err=True)
        return DOES_NOT_HOLD
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        left = "not all could be put back: run `belfry drill --restore`"
        state = left if Journal(settings).left else "everything is as before"
        typer.echo(f"belfry: {error or 'interrupted'}; {state}", err=True)
        return DOES_NOT_HOLD
    if junit is not None:
        showing.write_junit(report, junit)
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=2))
    else:
        console.print(showing.results(report))
        for line in showing.verdict(report):
            console.print(line, markup=False, soft_wrap=True)
    return HOLDS if report.holds else DOES_NOT_HOLD


def restore() -> int:
    """`belfry drill --restore`."""
    put_back = running.restore(load_settings())
    typer.echo(f"put back {put_back} things" if put_back else "nothing was left to put back")
    return HOLDS
