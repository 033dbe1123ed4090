"""What the queue's file is asked: no more for a long queue than for a short one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from services.kit.queue.embedded_store import Store
from services.kit.queue.port import Envelope
from services.kit.queue.topology import Binding, Topology

WORK = Topology("e", (Binding("work", ("order.#",)),))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A queue in a file, declared and empty."""
    store = Store(tmp_path / "queue.db")
    store.declare(WORK)
    return store


def fill(store: Store, count: int) -> None:
    store.connection.execute("BEGIN")
    for n in range(count):
        store.publish(Envelope("order.paid", {"n": n}, message_id=str(n)))
    store.connection.execute("COMMIT")


def steps(store: Store, work: Callable[[], object]) -> int:
    """How many hundreds of SQLite's own instructions the work takes."""
    seen = 0

    def count() -> int:
        nonlocal seen
        seen += 1
        return 0

    store.connection.set_progress_handler(count, 100)
    work()
    store.connection.set_progress_handler(None, 100)
    return seen


def test_taking_a_message_costs_the_same_however_many_wait(store: Store) -> None:
    """Else consumers would be the slower the more there is to do."""
    fill(store, 100)
    few = steps(store, lambda: store.claim("work", 8, 10.0, 20))
    fill(store, 10_000)
    assert steps(store, lambda: store.claim("work", 8, 10.0, 20)) <= 2 * few


def test_a_worn_message_is_buried_and_the_good_ones_beside_it_are_taken(store: Store) -> None:
    """In one go; the reason tells how many consumers it has outlived."""
    fill(store, 1)
    for _ in range(3):  # taken, and its consumers die at once
        assert len(store.claim("work", 1, -1.0, 2).taken) == 1
    fill(store, 2)
    claims = store.claim("work", 8, 10.0, 2)
    assert (len(claims.taken), claims.dead) == (2, 1)
    (letter,) = store.dead("work", 10)
    assert letter.reason == "its consumer died 3 times while handling it"


def test_the_figures_are_read_without_opening_a_body(store: Store) -> None:
    """They are asked for every few seconds by every process."""
    fill(store, 1)
    asked: list[str] = []
    store.connection.set_trace_callback(asked.append)
    store.stats()
    store.connection.set_trace_callback(None)
    (question,) = (one for one in asked if "messages" in one)
    plan = [row["detail"] for row in store.connection.execute(f"EXPLAIN QUERY PLAN {question}")]
    assert plan == ["SCAN messages USING COVERING INDEX messages_line"]
