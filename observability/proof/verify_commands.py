"""`belfry verify`: every panel, hop and name, proven on the running stack."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer

from observability.exits import DOES_NOT_HOLD, UsageError

app = typer.Typer(
    help="Every panel, hop and name, proven on the running stack.", invoke_without_command=True
)


@app.callback()
def verify(
    service: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this service, one of your own.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Where it listens. [default: as in belfry.toml]")
    ] = None,
    traffic: Annotated[
        bool, typer.Option(help="Make some, so that there is something to see.")
    ] = True,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--files",
            metavar="FOLDER",
            help="Its dashboards/, rules/, runbooks/, provisioning/ in place of the project's.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Check that every panel, hop and name holds on the running stack; exit code 1 if not.

    With GRAFANA_URL (and GRAFANA_TOKEN, or user and password in the URL) Grafana is looked at too.
    """
    # Imported here so that help is there at once.
    from rich.console import Console  # noqa: PLC0415

    from observability.proof.verify import plan, report  # noqa: PLC0415
    from observability.proof.verify.files import Files  # noqa: PLC0415
    from observability.proof.verify.finding import misses  # noqa: PLC0415
    from observability.settings import load_settings  # noqa: PLC0415

    if url and not service:
        raise UsageError("--url says where a service is: give --service NAME too")
    settings = load_settings()
    files = Files.of(settings)
    if folder:
        files = files.within(_existing(folder))
    began = time.monotonic()
    if service:
        findings = asyncio.run(plan.one_service(settings, files, service, url))
    else:
        findings = asyncio.run(plan.whole(settings, files, own_traffic=traffic))
    if as_json:
        typer.echo(report.as_json(findings))
    else:
        report.show(findings, Console(highlight=False), time.monotonic() - began)
    if misses(findings):
        raise typer.Exit(DOES_NOT_HOLD)


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise UsageError(f"--files: {folder} is no folder")
    return folder
