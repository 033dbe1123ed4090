"""Whoever starts a stack waits as long as it goes on."""

from observability.stack.patience import Patience
from tests.support.clock import Clock


def _rows(**states: str) -> list[dict[str, str]]:
    return [{"instance": name, "state": state} for name, state in states.items()]


def test_patience_begins_anew_with_each_process_that_is_ready() -> None:
    """Not with one that is ready again: what crashes for ever is not waited for without end."""
    clock = Clock()
    began = clock.now
    patience = Patience(60, clock)
    for at, rows, over in (
        (50.0, [], False),
        (59.0, _rows(loki="building", cart="ready"), False),
        (110.0, _rows(loki="building", cart="failed"), False),
        (118.0, _rows(loki="ready", cart="starting"), False),
        (170.0, _rows(loki="ready", cart="ready"), False),
        (179.0, _rows(loki="starting", cart="ready"), True),
    ):
        clock.now = began + at
        assert patience.is_over(rows) is over
