"""From a URL to a queue."""

from __future__ import annotations

from pathlib import Path

from services.kit.queue.port import OnDead, Queue
from services.kit.urls import names_a_host


def open_queue(url: str) -> Queue:
    """The queue that the URL names, traced and counted; connects on first use.

    Args:
        url: `sqlite:///path/to/file` (four slashes for an absolute path) or
            `amqp://user:password@host:port/vhost` (`amqps` likewise).

    Raises:
        ValueError: The URL names neither.
    """
    from observability import dead_lettered  # noqa: PLC0415 - `belfry --help` stays quick
    from services.kit.queue.traced import TracedQueue  # noqa: PLC0415 - as above

    system = "rabbitmq" if url.startswith("amqp") else "sqlite"
    return TracedQueue(open_plain(url, dead_lettered), system)


def open_plain(url: str, on_dead: OnDead | None = None) -> Queue:
    """The same without tracing, for commands that only look."""
    refuse_other(url)
    if not url.startswith("sqlite:"):
        from services.kit.queue.rabbitmq import RabbitQueue  # noqa: PLC0415 - a client library only some need

        return RabbitQueue(url, on_dead=on_dead)
    from services.kit.queue.embedded import EmbeddedQueue  # noqa: PLC0415 - as above

    return EmbeddedQueue(Path(url.removeprefix("sqlite:///")), on_dead=on_dead)


def refuse_other(url: str) -> None:
    """Nothing, if the URL may name a queue; that it is there is another matter.

    Raises:
        ValueError: It does not; the text does not show it.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return
    if scheme in ("amqp", "amqps") and names_a_host(url):
        return
    raise ValueError("must start with sqlite:/// or amqp://, then the file or the host")
