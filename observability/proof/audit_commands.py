"""`belfry audit`: who did what, and whether the record of it is whole."""

import asyncio
import json
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from observability.exits import DOES_NOT_HOLD, UsageError
from observability.instrumentation.audit import STREAM, AuditEvent, read_journal
from observability.proof.audit import Break, breaks, differences, number_of, unreadable
from observability.query import BackendError, LogLine, Loki, client
from observability.settings import Settings, load_settings

PAGE = 4000
#: What was written just now may still be on its way to Loki.
SETTLING_SECONDS = 5.0

app = typer.Typer(help="Who did what, and whether the record of it is whole.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Since = Annotated[float, typer.Option(min=0.01, help="Hours to look back.")]


@app.command("list")
def list_events(
    hours: Since = 24.0,
    action: Annotated[str | None, typer.Option(help="Only this: sign_in, fault_set, …")] = None,
    as_json: AsJson = False,
) -> None:
    """Who did what to what, from where, with what outcome; newest last."""
    events = [one for one in _stored(load_settings(), hours) if action in {None, one.action}]
    if as_json:
        typer.echo(json.dumps([asdict(event) for event in events]))
        return
    _show(events)


@app.command()
def verify(hours: Since = 24.0 * 7, as_json: AsJson = False) -> None:
    """Whether no event is missing, changed or out of order; exit code 1 names what is."""
    settings = load_settings()
    stored = _stored(settings, hours)
    found = breaks(stored, begun=False)
    for journal in sorted(settings.audit_dir.glob("*.jsonl")):
        found.extend(_against(journal, stored))
    unique = sorted(set(found), key=lambda one: (one.chain, one.sequence, one.kind))
    chains = len({event.chain for event in stored})
    if as_json:
        report = {"events": len(stored), "chains": chains, "breaks": [asdict(b) for b in unique]}
        typer.echo(json.dumps(report))
    else:
        _tell(unique, len(stored), chains)
    if unique:
        raise typer.Exit(DOES_NOT_HOLD)


def _against(journal: Path, stored: list[AuditEvent]) -> list[Break]:
    try:
        events = read_journal(journal)
    except ValueError as error:
        return [unreadable(journal.stem, str(error))]
    chain = [event for event in stored if event.chain == journal.stem]
    settled = time.time() - SETTLING_SECONDS
    oldest = min((number for event in chain if (number := number_of(event))), default=1)
    due = [one for one in events if _seconds(one) < settled and (number_of(one) or 0) >= oldest]
    return [*breaks(events), *differences(due, chain)]


def _seconds(event: AuditEvent) -> float:
    """When it was written, in unix seconds; long ago if it does not say so."""
    try:
        return datetime.fromisoformat(event.at).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _stored(settings: Settings, hours: float) -> list[AuditEvent]:
    """Events in Loki, oldest first.

    Raises:
        UsageError: Loki cannot be asked.
    """
    try:
        lines = asyncio.run(_lines(settings.url("loki"), hours))
    except BackendError as error:
        raise UsageError(f"cannot read the audit stream: {error}; is the stack up?") from error
    return [AuditEvent.from_log_fields(line.fields) for line in lines]


async def _lines(url: str, hours: float) -> list[LogLine]:
    """All lines of the audit stream, page by page."""
    now = time.time()
    start, end = now - hours * 3600, now + 1
    found: list[LogLine] = []
    async with client(url, 15) as http:
        loki = Loki(http)
        while True:
            page = await loki.lines(
                f'{{log_stream="{STREAM}"}} | audit_chain!=""',
                start,
                end,
                limit=PAGE,
                direction="forward",
            )
            found.extend(line for line in page if line not in found[-PAGE:])
            if len(page) < PAGE:
                return found
            start = page[-1].at / 1e9


def _show(events: list[AuditEvent]) -> None:
    from rich.console import Console  # noqa: PLC0415 - a program that reads JSON needs none
    from rich.table import Table  # noqa: PLC0415

    table = Table("when", "who", "did", "to", "from", "outcome", "trace", box=None)
    for one in events:
        table.add_row(
            one.at[:19], one.actor, one.action, one.target, one.source, one.outcome, one.trace
        )
    Console().print(table if events else "no audit events")


def _tell(found: list[Break], events: int, chains: int) -> None:
    for one in found:
        typer.echo(f"{one.chain} {one.numbers} {one.kind}: {one.explanation}")
    verdict = f"{len(found)} breaks" if found else "whole"
    typer.echo(f"audit trail {verdict}: {events} events in {chains} chains")
