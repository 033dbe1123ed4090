"""`belfry bench`: what Belfry costs, as ratios within one run."""

import dataclasses
from typing import Annotated

import orjson
import typer

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
