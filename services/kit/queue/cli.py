"""`belfry queue`: look at the shop's queues and put dead letters back."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from services.kit.queue.opening import open_plain
from services.kit.queue.port import DeadMessage, Message, Queue, QueueError, Stats
from services.kit.queue.topology import SHOP

T = TypeVar("T")
app = typer.Typer(help="Look at the shop's queues and put dead letters back.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
QueueName = Annotated[str, typer.Argument(metavar="QUEUE", help="See `belfry queue list`.")]


@app.command("list")
def list_queues(as_json: AsJson = False) -> None:
    """Depth, age of the oldest message and dead letters of every queue."""
    stats = _with_queue(lambda queue: queue.stats())
    if as_json:
        _print_json([_stats_json(one) for one in stats])
        return
    typer.echo(f"{'QUEUE':<16}{'WAITING':>9}{'OLDEST':>10}{'DEAD':>7}")
    for one in stats:
        age = f"{one.oldest_age_seconds:.1f} s" if one.depth else "-"
        typer.echo(f"{one.queue:<16}{one.depth:>9}{age:>10}{one.dead:>7}")


@app.command()
def peek(
    queue: QueueName,
    dead: Annotated[bool, typer.Option("--dead", help="Show the dead letters.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 10,
    as_json: AsJson = False,
) -> None:
    """Show the messages at the head of a queue without taking them."""
    rows: list[dict[str, Any]]
    if dead:
        letters = _with_queue(lambda q: q.dead(queue, limit))
        rows = [_dead_json(letter) for letter in letters]
    else:
        rows = [_message_json(m) for m in _with_queue(lambda q: q.peek(queue, limit))]
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['enqueued_at']}  {row['id']}  {row['routing_key']}  {row['attempt']}")
        if dead:
            typer.echo(f"  {row['reason']}")
        typer.echo(f"  {json.dumps(row['body'])}")
    if not rows:
        typer.echo(f"no {'dead letters' if dead else 'messages'} in {queue}")


@app.command()
def replay(
    queue: QueueName,
    message_id: Annotated[
        str | None, typer.Option("--id", help="Only this message; else all dead letters.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put dead letters back into their queue. Exits with 1 if there was none to put back."""
    from observability.settings import load_settings  # noqa: PLC0415 - keeps --help quick
    from observability.stack.audited import record  # noqa: PLC0415

    settings = load_settings()
    count = _with_queue(lambda q: q.replay(queue, message_id))
    outcome = "success" if count else "failure"
    what = {"message": message_id or "all", "replayed": str(count), "outcome": outcome}
    record(settings, "queue_replay", f"queue {queue}", **what)
    if as_json:
        _print_json({"queue": queue, "replayed": count})
    else:
        typer.echo(f"{count} put back into {queue}")
    if not count:
        raise typer.Exit(1)


def queue_url() -> str:
    """Which queue is meant: SHOP_QUEUE_URL or its _FILE, else the file in the state folder.

    Raises:
        QueueError: The file that is to hold the URL cannot be read.
    """
    if url := os.environ.get("SHOP_QUEUE_URL"):
        return url
    if secret := os.environ.get("SHOP_QUEUE_URL_FILE"):
        try:
            return Path(secret).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise QueueError(f"cannot read {secret}") from error
    state = Path(os.environ.get("BELFRY_STATE_DIR") or ".belfry").absolute()
    return f"sqlite:///{state}/data/queue.db"


def _with_queue(work: Callable[[Queue], Awaitable[T]]) -> T:
    """Open the queue for one piece of work; wrong use ends with one line and exit code 2."""
    try:
        return asyncio.run(_open_and(work, _existing(queue_url())))
    except (ValueError, QueueError) as error:
        typer.echo(f"belfry queue: {error} (set SHOP_QUEUE_URL or BELFRY_STATE_DIR)", err=True)
        raise typer.Exit(2) from error


def _existing(url: str) -> str:
    """The URL, unless it names a file that is not there: looking must not make one."""
    path = url.removeprefix("sqlite:///")
    if path != url and not Path(path).exists():
        raise QueueError(f"there is no queue at {path}")
    return url


async def _open_and(work: Callable[[Queue], Awaitable[T]], url: str) -> T:
    queue = open_plain(url)
    try:
        if not url.startswith("sqlite"):
            # A file tells which queues it has; a broker must be asked for each by name.
            await queue.declare(SHOP)
        return await work(queue)
    finally:
        await queue.close()


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2))


def _stats_json(stats: Stats) -> dict[str, Any]:
    return {
        "queue": stats.queue,
        "depth": stats.depth,
        "oldest_age_seconds": round(stats.oldest_age_seconds, 3),
        "dead": stats.dead,
    }


def _message_json(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "routing_key": message.routing_key,
        "attempt": message.attempt,
        "enqueued_at": _when(message.enqueued_at),
        "headers": message.headers,
        "body": message.body,
    }


def _dead_json(letter: DeadMessage) -> dict[str, Any]:
    return {
        **_message_json(letter.message),
        "reason": letter.reason,
        "died_at": _when(letter.died_at),
    }


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
