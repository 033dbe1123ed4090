"""Guessing passwords: stopped for a while, for one address and account."""

import pytest

from services.account.throttle import MOST_KEYS, Throttle
from services.kit.problems import Problem
from tests.support.clock import Clock

ANN = ("192.0.2.1", "ann@example.org")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(limit=3, seconds=60, clock=clock)


def refused(throttle: Throttle) -> str:
    """After how many seconds to come again: an attempt is refused."""
    with pytest.raises(Problem) as caught:
        throttle.check(ANN)
    assert caught.value.status == 429
    return caught.value.headers["Retry-After"]


def test_attempts_are_refused_after_the_limit_until_the_oldest_is_forgotten(
    throttle: Throttle, clock: Clock
) -> None:
    for _ in range(3):
        throttle.check(ANN)
        throttle.wrong(ANN)
        clock.now += 10
    assert refused(throttle) == "30"
    clock.now += 29.9
    assert refused(throttle) == "1"
    clock.now += 0.1
    throttle.check(ANN)
    throttle.wrong(ANN)
    assert refused(throttle) == "10"


def test_the_same_account_from_elsewhere_and_another_account_are_not_refused(
    throttle: Throttle,
) -> None:
    for _ in range(3):
        throttle.wrong(ANN)
    assert refused(throttle)
    throttle.check(("192.0.2.2", ANN[1]))
    throttle.check((ANN[0], "bob@example.org"))


def test_the_right_password_forgives_the_wrong_ones(throttle: Throttle) -> None:
    for _ in range(2):
        throttle.wrong(ANN)
    throttle.right(ANN)
    throttle.wrong(ANN)
    throttle.check(ANN)


def test_memory_is_bounded(throttle: Throttle) -> None:
    for number in range(MOST_KEYS + 10):
        throttle.wrong(("192.0.2.1", f"{number}@example.org"))
    assert len(throttle._wrong) == MOST_KEYS
