"""`belfry alerts`: the notifications received, and those that arrive while one watches."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Literal

import typer

from observability.alerting import incident_view, listing

app = typer.Typer(help="Notifications received.", invoke_without_command=True)

Id = Annotated[int, typer.Argument(metavar="ID", min=1, help="As `belfry alerts` lists it.")]


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


@app.command("show")
def show(
    notification_id: Id,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """One incident: what happened, the evidence, the timeline, who looks after it."""
    incident_view.show(notification_id, as_json=as_json)


@app.command("ack")
def acknowledge(
    notification_id: Id,
    note: Annotated[str, typer.Option(help="What you are going to do.")] = "",
) -> None:
    """Say that you look after it."""
    incident_view.acknowledge(notification_id, note)


@app.command("silence")
def silence(
    notification_id: Id,
    lasting: Annotated[str, typer.Option("--for", help="Such as 30m, 1h30m or 2d.")],
    comment: Annotated[str, typer.Option(help="Why: others read it.")],
) -> None:
    """Let alerts of exactly the same labels notify nobody for a while."""
    incident_view.silence(notification_id, lasting, comment)


@app.command("unsilence")
def unsilence(notification_id: Id) -> None:
    """End that silence."""
    incident_view.unsilence(notification_id)
