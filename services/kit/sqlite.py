"""What every SQLite file of the shop is opened with."""

import sqlite3
import time
from typing import Protocol

WAL_SECONDS = 10.0


class Executes(Protocol):
    """A connection or a cursor."""

    def execute(self, sql: str, /) -> object:
        """Run one statement."""


def make_durable(connection: Executes) -> None:
    """Readers and a writer side by side, and each commit on the disk before it returns.

    A confirmed message, an accepted order and the stock kept for it all outlive a power cut: were
    one of them less durable than the others, they would tell different stories afterwards.
    """
    _switch_to_wal(connection)
    connection.execute("PRAGMA synchronous=FULL")


def _switch_to_wal(connection: Executes) -> None:
    """The first switch ignores the busy timeout while another process does so too: try again."""
    deadline = time.monotonic() + WAL_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
