"""A look into the embedded queue of a running shop, from outside."""

import sqlite3
from contextlib import closing
from pathlib import Path


def bodies(state: Path, queue: str) -> list[tuple[str, str]]:
    """Routing key and body (JSON text) of what is in a queue, oldest first."""
    path = state / "data" / "queue.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        rows = connection.execute(
            "SELECT routing_key, body FROM messages WHERE queue = ? ORDER BY seq", (queue,)
        )
        return [(str(key), str(body)) for key, body in rows]


def publish_again(state: Path, queue: str, times: int) -> None:
    """Put further copies of all messages waiting in a queue beside them, as a broker may do."""
    with closing(sqlite3.connect(state / "data" / "queue.db", timeout=10)) as connection:
        for _ in range(times):
            connection.execute(
                "INSERT INTO messages"
                " (queue, message_id, routing_key, body, headers, enqueued_at, visible_at)"
                " SELECT DISTINCT queue, message_id, routing_key, body, headers, enqueued_at,"
                " enqueued_at FROM messages WHERE queue = ? AND dead = 0",
                (queue,),
            )
        connection.commit()
