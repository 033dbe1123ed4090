"""`belfry bench`: what Belfry costs, as ratios within one run, and how soon its pages are seen."""

import dataclasses
from typing import Annotated

import orjson
import typer

from observability.exits import DOES_NOT_HOLD, HOLDS

app = typer.Typer(name="bench", help="Measure what observing costs.", no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure what observing costs."""


@app.command()
def overhead(
    requests: Annotated[int, typer.Option(min=100, help="Requests of each app a round.")] = 20_000,
    rounds: Annotated[int, typer.Option(min=1, help="How many times each is measured.")] = 3,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """CPU time a request with all three signals, as a ratio to the bare app."""
    # Imported here so that help is there at once.
    from observability.proof.overhead import measure  # noqa: PLC0415

    result = measure(requests, rounds)
    if json:
        typer.echo(orjson.dumps(dataclasses.asdict(result)).decode())
        return
    typer.echo(f"bare      {result.bare_us:7.1f} µs of CPU a request")
    typer.echo(f"observed  {result.observed_us:7.1f} µs, {result.dropped} items dropped")
    typer.echo(f"ratio     {result.ratio_to_bare:7.2f}")


@app.command()
def pages(
    visits: Annotated[int, typer.Option(min=1, help="Visits of each page.")] = 5,
    limit: Annotated[float, typer.Option(min=0.01, help="Seconds that the median may be.")] = 1.0,
    last: Annotated[
        str | None, typer.Option(help="Time to show, such as 1h; else what each page shows.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Time until each page of the running console is seen for the first time, in Chromium.

    Nothing is in the browser's cache. Exit code 1 if the median of a page is above the limit.
    """
    from observability.proof.pages import measure  # noqa: PLC0415 - only this needs a browser
    from observability.settings import load_settings  # noqa: PLC0415

    found = []
    for one in measure(load_settings(), visits, last):
        found.append(one)
        if not json:
            late = "" if one.median_seconds <= limit else f"  above {limit:g} s"
            taken = f"median {one.median_seconds:6.3f} s  p95 {one.p95_seconds:6.3f} s"
            typer.echo(f"{one.page:24} {taken}{late}")
    holds = all(one.median_seconds <= limit for one in found)
    if json:
        rows = [dataclasses.asdict(one) for one in found]
        told = {"limit_seconds": limit, "holds": holds, "pages": rows}
        typer.echo(orjson.dumps(told).decode())
    raise typer.Exit(HOLDS if holds else DOES_NOT_HOLD)


@app.command()
def footprint(
    settle: Annotated[float, typer.Option(min=0, help="Seconds from ready to the scales.")] = 15.0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Memory of a whole stack, started for this, and of a service compared to a bare app.

    Exit code 1 if it takes more than a gigabyte, shared pages counted once.
    """
    from observability.proof.footprint import measure  # noqa: PLC0415
    from observability.settings import load_settings  # noqa: PLC0415

    result = measure(load_settings(), settle)
    if json:
        typer.echo(orjson.dumps(result.as_json()).decode())
    else:
        for one in result.processes:
            typer.echo(
                f"{one.name:16} {_megabytes(one.pss_bytes)}  resident {_megabytes(one.rss_bytes)}"
            )
        typer.echo(
            f"{'all':16} {_megabytes(result.pss_bytes)}  resident {_megabytes(result.rss_bytes)}"
        )
        typer.echo(f"a service to a bare app: {result.ratio_to_bare:.2f}")
    raise typer.Exit(HOLDS if result.holds else DOES_NOT_HOLD)


@app.command()
def startup(
    rounds: Annotated[int, typer.Option(min=1, help="Warm starts.")] = 3,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Time until a whole stack, started for this, is ready, and compared to a bare app's start.

    Exit code 1 if a warm start takes more than ten seconds.
    """
    from observability.proof.startup import measure  # noqa: PLC0415
    from observability.settings import load_settings  # noqa: PLC0415

    result = measure(load_settings(), rounds)
    if json:
        typer.echo(orjson.dumps(result.as_json()).decode())
    else:
        typer.echo(
            f"warm      {result.warm_seconds:6.1f} s, {result.cpu_seconds:.1f} s of processor"
        )
        typer.echo(f"first     {result.first_seconds:6.1f} s")
        typer.echo(f"to a bare app's start: {result.ratio_to_bare:.1f}")
    raise typer.Exit(HOLDS if result.holds else DOES_NOT_HOLD)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:6.1f} MB"
