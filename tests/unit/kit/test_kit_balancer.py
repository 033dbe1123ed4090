"""Which instance gets the next request, with a clock of the test's own."""

import pytest

from services.kit.balancer import EJECT_AFTER, Balancer, CircuitOpenError, Outcome
from services.kit.discovery import Instance
from tests.support.clock import Clock

A, B, C = (Instance(f"http://{name}") for name in "abc")


@pytest.fixture
def clock() -> Clock:
    """The balancer's clock."""
    return Clock()


@pytest.fixture
def balancer(clock: Clock) -> Balancer:
    """A balancer that knows nothing yet."""
    return Balancer(clock)


def picks(balancer: Balancer, count: int = 6) -> set[Instance]:
    return {balancer.pick([A, B, C]) for _ in range(count)}


def test_instances_take_turns(balancer: Balancer) -> None:
    """Each gets the same number of requests."""
    chosen = [balancer.pick([A, B, C]) for _ in range(9)]
    assert {chosen.count(one) for one in (A, B, C)} == {3}


def test_what_this_request_failed_at_is_not_asked_again(balancer: Balancer) -> None:
    """As long as there is another."""
    assert {balancer.pick([A, B, C], [A, B]) for _ in range(6)} == {C}
    assert {balancer.pick([A, B], [A, B]) for _ in range(6)} == {A, B}


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.UNREACHABLE])
def test_no_connection_leaves_an_instance_out_at_once(balancer: Balancer, outcome: Outcome) -> None:
    """The first failure is enough."""
    balancer.report(A, outcome)
    assert picks(balancer) == {B, C}


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.SILENT])
def test_failures_in_a_row_leave_an_instance_out(balancer: Balancer, outcome: Outcome) -> None:
    """One less, or an answer in between, does not."""
    for _ in range(EJECT_AFTER - 1):
        balancer.report(A, outcome)
    balancer.report(A, Outcome.OK)
    for _ in range(EJECT_AFTER - 1):
        balancer.report(A, outcome)
    assert picks(balancer) == {A, B, C}
    balancer.report(A, outcome)
    assert picks(balancer) == {B, C}


def test_after_a_pause_a_single_request_tries_and_an_answer_brings_back(
    balancer: Balancer, clock: Clock
) -> None:
    """The others stay away until the one trial has succeeded."""
    balancer.report(A, Outcome.REFUSED)
    clock.now += 1.01
    trials = [balancer.pick([A, B, C]) for _ in range(9)]
    assert trials.count(A) == 1
    balancer.report(A, Outcome.OK)
    assert picks(balancer) == {A, B, C}


def test_the_pause_doubles_up_to_ten_seconds(balancer: Balancer, clock: Clock) -> None:
    """An instance that stays away is asked less and less often, but is asked."""
    for expected in (1, 2, 4, 8, 10, 10):
        balancer.report(A, Outcome.REFUSED)
        clock.now += expected - 0.01
        assert picks(balancer) == {B, C}
        clock.now += 0.02
        assert picks(balancer) == {A, B, C}


def test_an_only_instance_that_answers_badly_is_still_asked(balancer: Balancer) -> None:
    """Errors and refusals come quickly: better than nothing."""
    for outcome in (Outcome.ERROR, Outcome.REFUSED):
        for _ in range(EJECT_AFTER):
            balancer.report(A, outcome)
        assert balancer.pick([A]) == A


def test_the_circuit_opens_when_nobody_answers_and_lets_one_try_later(
    balancer: Balancer, clock: Clock
) -> None:
    """Waiting for a timeout each time would take the callers down too."""
    for _ in range(EJECT_AFTER):
        balancer.report(A, Outcome.SILENT)
    with pytest.raises(CircuitOpenError):
        balancer.pick([A])
    clock.now += 1.01
    assert balancer.pick([A]) == A
    with pytest.raises(CircuitOpenError):
        balancer.pick([A])
    balancer.report(A, Outcome.OK)
    assert balancer.pick([A]) == A


def test_no_instance_at_all_is_an_open_circuit(balancer: Balancer) -> None:
    """A registry may have nobody."""
    with pytest.raises(CircuitOpenError):
        balancer.pick([])


def test_instances_that_are_gone_are_forgotten(balancer: Balancer) -> None:
    """A thousand replicas that came and went leave nothing behind."""
    for n in range(1000):
        balancer.pick([Instance(f"http://{n}")])
    assert len(balancer._health) <= 3
