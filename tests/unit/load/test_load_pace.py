"""The cap on requests per second that all users share."""

from services.load.pace import Pacer
from tests.support.clock import Clock


def test_turns_come_evenly_and_never_faster_than_the_rate() -> None:
    clock = Clock()
    pacer = Pacer(4.0, clock, clock.sleep)
    times = []
    for _ in range(5):
        pacer.wait_turn()
        times.append(clock.now - 100.0)
    assert times == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_quiet_time_is_not_made_up_for_with_a_burst() -> None:
    clock = Clock()
    pacer = Pacer(2.0, clock, clock.sleep)
    pacer.wait_turn()
    clock.now += 60
    pacer.wait_turn()
    at = clock.now
    pacer.wait_turn()
    assert clock.now - at == 0.5


def test_without_a_rate_nobody_waits() -> None:
    clock = Clock()
    pacer = Pacer(None, clock, clock.sleep)
    for _ in range(1000):
        pacer.wait_turn()
    assert clock.now == 100.0
