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
