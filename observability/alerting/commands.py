"""`belfry alerts`: the notifications received, and those that arrive while one watches."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Literal

import typer

from observability.alerting import listing

app = typer.Typer(help="Notifications received.", invoke_without_command=True)


@app.callback()
def alerts(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they arrive.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    status: Annotated[
        Literal["firing", "resolved"] | None,
        typer.Option(help="firing: what still fires; resolved: what ended. Both if not given."),
    ] = None,
) -> None:
    """Notifications received, newest last."""
    if context.invoked_subcommand is not None:
        return
    if not follow:
        listing.show(status, as_json=as_json)
        return
    with suppress(KeyboardInterrupt):
        listing.follow(status, as_json=as_json)
