"""From a URL to a queue."""

from __future__ import annotations

from pathlib import Path

from services.kit.queue.port import OnDead, Queue


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
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        from services.kit.queue.embedded import EmbeddedQueue  # noqa: PLC0415 - as above

        return EmbeddedQueue(Path(rest[1:]), on_dead=on_dead)
    if scheme in ("amqp", "amqps"):
        from services.kit.queue.rabbitmq import RabbitQueue  # noqa: PLC0415 - a client library only some need

        return RabbitQueue(url, on_dead=on_dead)
    raise ValueError(f"must start with sqlite:/// or amqp://, not {scheme}://")
