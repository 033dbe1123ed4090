"""The `belfry` command: each part of Belfry brings its own sub-commands.

A part is imported when one of its commands is run and not before, so that help is there at once and
a part that cannot be imported leaves the others usable.
"""

import ast
import sys
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import Abort, TyperException

from observability.exits import DOES_NOT_HOLD, WRONG_USE, UsageError
from observability.stack import commands

#: Groups of commands that Belfry itself has, as `module:attribute`.
_GROUPS: Final = {
    "fault": "observability.faults:app",
    "alerts": "observability.alerting.commands:app",
    "bench": "observability.proof.commands:app",
    "audit": "observability.proof.audit_commands:app",
    "verify": "observability.proof.verify_commands:app",
    "drill": "observability.proof.drill.commands:app",
}
_ENTRY_POINTS: Final = "belfry.commands"


class LazyGroup(TyperGroup):
    """Commands of its own, and groups that are imported when they are used."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Its own commands and then the groups."""
        return [*super().list_commands(ctx), *_groups()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One command; a group is only a line of help here."""
        reference = _groups().get(cmd_name)
        if reference is None:
            return super().get_command(ctx, cmd_name)
        return TyperCommand(cmd_name, help=_summary(reference))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is going to be run, a group imported for it."""
        reference = _groups().get(args[0])
        if reference is None:
            return super().resolve_command(ctx, args)
        return args[0], typer.main.get_group(_load(args[0], reference)), args[1:]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"belfry {metadata.version('belfry')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Observability for Python microservices: run it, load it, break it, be alerted."""


app = typer.Typer(name="belfry", cls=LazyGroup, no_args_is_help=True, add_completion=False)
app.callback()(_root)
commands.register(app)


def main() -> None:
    """Run `belfry …` and end with its exit code: 0 holds, 1 does not hold, 2 wrong use."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; what is wrong with it becomes one line on standard error.

    Returns:
        The exit code.
    """
    command = typer.main.get_command(app)
    try:
        code = command(args=arguments, prog_name="belfry", standalone_mode=False)
    except TyperException as error:
        return _refuse(error.format_message(), error.exit_code)
    except UsageError as error:
        return _refuse(str(error), WRONG_USE)
    except Abort:
        return DOES_NOT_HOLD
    return code if isinstance(code, int) else 0


def _refuse(message: str, code: int) -> int:
    if message:
        typer.echo(f"belfry: {message}", err=True)
    return code


def _groups() -> dict[str, str]:
    added = metadata.entry_points(group=_ENTRY_POINTS)
    return _GROUPS | {point.name: point.value for point in added}


def _load(name: str, reference: str) -> typer.Typer:
    module, _, attribute = reference.partition(":")
    try:
        loaded: typer.Typer = getattr(import_module(module), attribute)
    except ImportError as error:
        raise UsageError(f"`belfry {name}` is not installed here: {error}") from None
    return loaded


def _summary(reference: str) -> str:
    """What a group does: the first line of its module after the colon, read without importing."""
    module = reference.partition(":")[0]
    top, *rest = module.split(".")
    spec = find_spec(top)
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or []:
        source = Path(folder, *rest).with_suffix(".py")
        if source.exists():
            text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
            line = text.splitlines()[0].rpartition("`: ")[2]
            return line[:1].upper() + line[1:]
    return ""


if __name__ == "__main__":
    main()
