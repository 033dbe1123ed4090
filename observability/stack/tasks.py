"""What the stack's commands do; each returns its exit code."""

import contextlib
import json
import time
from collections.abc import Sequence
from typing import Any

import typer
from rich.console import Console

from observability.exits import DOES_NOT_HOLD, HOLDS, UsageError
from observability.settings import Settings, load_settings
from observability.stack import audited, control, display, plan, runner
from observability.stack import logs as files
from observability.stack.config import load_config
from observability.stack.servers import Servers
from observability.stack.state import StateLock, wait_until_free

_STOP_SECONDS = 120.0
_POLL_SECONDS = 0.1


def up(
    detach: bool,
    only: Sequence[str],
    without: Sequence[str],
    scale: Sequence[str],
    timeout: float,
) -> int:
    """`belfry up`: check everything that can be checked, then run.

    Raises:
        UsageError: settings, belfry.toml or options are wrong, or something is in the way.
    """
    settings = load_settings()
    config = load_config(settings.config)
    servers = Servers(settings, config.stack.namespace)
    chosen = plan.make_plan(
        settings,
        config,
        servers.needs,
        only=plan.split_names(only),
        without=plan.split_names(without),
        scale=plan.parse_scale(scale),
    )
    if not detach:
        return runner.run_in_foreground(chosen, servers, timeout)
    again = [
        *(f"--only={names}" for names in only),
        *(f"--without={names}" for names in without),
        *(f"--scale={one}" for one in scale),
    ]
    return runner.run_detached(chosen, again, timeout)


def down() -> int:
    """`belfry down`: tell the supervisor to stop and wait until it has."""
    settings = load_settings()
    lock = StateLock(settings)
    if lock.holder() is None:
        typer.echo(f"no stack is running on {settings.state_dir}")
        return HOLDS
    # before, while there is still a Collector to take it
    audited.record(settings, "down", "stack")
    # it may be about to end, or only just beginning, and not listen: then the lock tells
    with contextlib.suppress(control.NotRunningError):
        control.ask(settings, "stop", timeout=_STOP_SECONDS)
    if not wait_until_free(lock, _STOP_SECONDS):
        typer.echo(f"the supervisor (pid {lock.holder()}) has not stopped yet", err=True)
        return DOES_NOT_HOLD
    typer.echo(f"stopped; data stays in {settings.state_dir}")
    return HOLDS


def status(*, as_json: bool) -> int:
    """`belfry status`: 0 if everything is ready; a program reads an empty list if nothing runs."""
    try:
        rows: list[dict[str, Any]] = control.ask(load_settings(), "status")
    except control.NotRunningError as error:
        typer.echo(str(error), err=True)
        if as_json:
            typer.echo("[]")
        return DOES_NOT_HOLD
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        Console().print(display.table(rows, time.time()))
    return HOLDS if all(row["state"] == "ready" for row in rows) else DOES_NOT_HOLD


def logs(name: str, lines: int, *, follow: bool) -> None:
    """`belfry logs`: the last lines, and new ones as they come.

    Raises:
        UsageError: there is no log of this name.
    """
    paths = files.of_process(load_settings().logs_dir, name)

    def show(stem: str, line: str) -> None:
        typer.echo(f"{stem}: {line}" if len(paths) > 1 else line)

    for path in paths:
        for line in files.tail(path, lines):
            show(path.stem, line)
    if not follow:
        return
    with contextlib.suppress(KeyboardInterrupt):
        for path, line in files.follow_all(paths):
            show(path.stem, line)


def restart(name: str, version: str | None, variables: Sequence[str], timeout: float) -> int:
    """`belfry restart`: 0 once it is ready again.

    Raises:
        UsageError: nothing of this name runs, or a variable is not VAR=VALUE.
    """
    given = plan.parse_variables(variables)
    return _change("restart", name, timeout, version=version, variables=given or None)


def scale(target: str, timeout: float) -> int:
    """`belfry scale`: 0 once all replicas are ready.

    Raises:
        UsageError: not NAME=N, or this cannot be scaled to that.
    """
    ((name, replicas),) = plan.parse_scale([target]).items()
    return _change("scale", name, timeout, replicas=replicas)


def _change(action: str, name: str, timeout: float, **asked: object) -> int:
    """Have the supervisor change something and wait until all of that name is ready."""
    settings = load_settings()
    try:
        _ask_on_record(settings, action, name, asked)
        return _wait_for(settings, name, timeout)
    except control.NotRunningError as error:
        typer.echo(str(error), err=True)
        return DOES_NOT_HOLD


def _ask_on_record(settings: Settings, action: str, name: str, asked: dict[str, object]) -> None:
    detail = {key: _shown(value) for key, value in asked.items() if value is not None}
    try:
        control.ask(settings, action, name=name, timeout=_STOP_SECONDS, **asked)
    except UsageError as error:
        audited.record(settings, action, name, outcome="failure", reason=str(error), **detail)
        raise
    audited.record(settings, action, name, **detail)


def _shown(value: object) -> str:
    """In the audit trail; of variables the names alone, since a value may be a secret."""
    return ", ".join(sorted(value)) if isinstance(value, dict) else str(value)


def _wait_for(settings: Settings, name: str, timeout: float) -> int:
    """Wait until all of a name is ready; what is not by then is named."""
    deadline = time.monotonic() + timeout
    while True:
        everything = control.ask(settings, "status")
        rows = [row for row in everything if name in {row["name"], row["instance"]}]
        lacking = [row for row in rows if row["state"] != "ready"]
        if not lacking:
            instances = ", ".join(row["instance"] for row in rows)
            typer.echo(f"{instances} ready" if instances else f"no {name} runs any more")
            return HOLDS
        settled = all(row["state"] in {"ready", "failed"} for row in rows)
        if settled or time.monotonic() > deadline:
            for row in lacking:
                typer.echo(f"{row['instance']} {row['state']}: {row['reason']}", err=True)
            return DOES_NOT_HOLD
        time.sleep(_POLL_SECONDS)
