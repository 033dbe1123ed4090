"""Lengths of time as a person says them."""

import pytest

from observability.durations import elapsed


@pytest.mark.parametrize(
    ("seconds", "said"), [(42.9, "42 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_what_has_gone_by_is_said_as_a_person_would(seconds: float, said: str) -> None:
    """Never in more than two units."""
    assert elapsed(seconds) == said
