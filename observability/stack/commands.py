"""`belfry up`, `down`, `status`, `logs`, `restart`, `scale`: the stack's command line.

What they do is in `tasks`, imported when a command runs: `belfry --help` is to be there at once.
"""

from typing import Annotated

import typer

_Names = Annotated[
    list[str] | None, typer.Option(metavar="A,B", help="Names; `services` or `backends` for all.")
]
_Scale = Annotated[list[str] | None, typer.Option(metavar="NAME=N", help="Replicas of a service.")]
_ReadyWithin = Annotated[float, typer.Option("--timeout", help="Seconds to wait for ready.")]


def register(app: typer.Typer) -> None:
    """Add the stack's commands to `belfry`."""
    for command in (up, down, status, logs, restart, scale):
        app.command()(command)


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Leave it running.")] = False,
    only: _Names = None,
    without: _Names = None,
    scale: _Scale = None,
    timeout: Annotated[
        float, typer.Option(help="Seconds to wait for one more process to be ready.")
    ] = 1800.0,
) -> None:
    """Run the whole stack: services, console, and the servers that keep telemetry.

    Servers that are neither on PATH nor in the cache are built in the background, while the rest
    runs already. In the foreground Ctrl-C stops everything; data stays.
    """
    from observability.stack import tasks  # noqa: PLC0415 - help stays quick

    raise typer.Exit(tasks.up(detach, only or [], without or [], scale or [], timeout))


def down() -> None:
    """Stop the running stack; data stays."""
    from observability.stack import tasks  # noqa: PLC0415 - help stays quick

    raise typer.Exit(tasks.down())


def status(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show every process: ready or why not, version, port, memory, uptime.

    Exit code 0 if all are ready, else 1.
    """
    from observability.stack import tasks  # noqa: PLC0415 - help stays quick

    raise typer.Exit(tasks.status(as_json=as_json))


def logs(
    name: Annotated[str, typer.Argument(help="A process or one replica of it.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines.")] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="How many to begin with.")
    ] = 50,
) -> None:
    """Show the log of a process, whether it runs or not.

    `belfry logs supervisor` is the stack's own: who was started, crashed, restarted, and when.
    """
    from observability.stack import tasks  # noqa: PLC0415 - help stays quick

    tasks.logs(name, lines, follow=follow)


def restart(
    name: Annotated[str, typer.Argument(help="A process or one replica of it (worker-2).")],
    version: Annotated[
        str | None, typer.Option(help="What the service reports as its version from now on.")
    ] = None,
    variables: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="VAR=VALUE",
            help="A variable of its environment until its next restart, which goes back to what"
            " is configured. More than once for several.",
        ),
    ] = None,
    timeout: _ReadyWithin = 60.0,
) -> None:
    """Stop a process gracefully, start it again, and wait until it is ready."""
    from observability.stack import tasks  # noqa: PLC0415 - help stays quick

    raise typer.Exit(tasks.restart(name, version, variables or [], timeout))


def scale(
    target: Annotated[str, typer.Argument(metavar="NAME=N", help="For example worker=3.")],
    timeout: _ReadyWithin = 60.0,
) -> None:
    """Run so many replicas of a service; those too many are stopped gracefully."""
    from observability.stack import tasks  # noqa: PLC0415 - help stays quick

    raise typer.Exit(tasks.scale(target, timeout))
