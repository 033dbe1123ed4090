"""`belfry drill`: fault, alert, notification, end: each scenario on the running stack."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Play each scenario on the running stack: fault, alert, notification, resolved.",
    invoke_without_command=True,
    context_settings={"allow_interspersed_args": True},
    subcommand_metavar="",
)


@app.callback()
def drill(  # noqa: PLR0913 - typer wants one parameter an option
    *,
    names: Annotated[list[str] | None, typer.Argument(help="Which; all if none is named.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Show them and play none.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the outcome as JUnit's XML, too.")
    ] = None,
    third: Annotated[
        int | None, typer.Option(min=1, max=3, help="Only this third of them.")
    ] = None,
    at_once: Annotated[
        int,
        typer.Option(min=1, help="So many at the same time, if they do not disturb each other."),
    ] = 4,
    again: Annotated[
        bool,
        typer.Option("--again", help="Play one that does not hold a second time, which counts."),
    ] = False,
    restore: Annotated[
        bool, typer.Option("--restore", help="Only put back what a killed run has left.")
    ] = False,
) -> None:
    """Play scenarios on the running stack under load; exit 1 if one does not hold.

    Each makes a fault, waits for its alert in the inbox, looks for its trace and log lines, repairs
    the fault and waits for the alert's end. However it ends, the stack is as before.
    """
    from observability.proof.drill import tasks  # noqa: PLC0415 - help stays quick

    if restore:
        raise typer.Exit(tasks.restore())
    if listed:
        raise typer.Exit(tasks.show(names or [], third, as_json=as_json))
    raise typer.Exit(
        tasks.play(names or [], third, at_once, again=again, as_json=as_json, junit=junit)
    )
