"""What the inbox received since a drill began, as far as it concerns that drill."""

from collections.abc import Sequence

from observability.alerting.notifications import Notification
from observability.proof.drill.model import Scenario
from observability.proof.drill.selector import Selector


class Heard:
    """Notifications from now on.

    Args:
        scenario: what is played.
        received: everything that is received during the run, in order; it grows.
    """

    def __init__(self, scenario: Scenario, received: Sequence[Notification]) -> None:
        self._scenario = scenario
        self._received = received
        self._before = len(received)

    def firing(self, selector: Selector) -> Notification | None:
        """The first that such an alert fires."""
        return next((one for one in self._of(selector) if _fires(one)), None)

    def resolved(self, selector: Selector) -> Notification | None:
        """The last end of such an alert, once every one of them has ended."""
        fire = {(one.fingerprint, one.starts_at) for one in self._of(selector) if _fires(one)}
        ends = {
            (one.fingerprint, one.starts_at): one for one in self._of(selector) if not _fires(one)
        }
        if not fire or fire - ends.keys():
            return None
        return max(ends.values(), key=lambda one: one.received_at)

    def all_fire(self) -> bool:
        """Whether every expected alert was received."""
        return all(self.firing(one) for one in self._scenario.expect)

    def all_resolved(self) -> bool:
        """Whether the end of every expected alert that was received was, too."""
        fired = [one for one in self._scenario.expect if self.firing(one)]
        return all(self.resolved(one) for one in fired)

    def forbidden(self) -> list[tuple[Selector, Notification]]:
        """What must not ring and did, the first of each kind.

        What an alert holds back is told once that alert has ended, if it goes on by then: such a
        notification says nothing against the drill, and is left out.
        """
        over = self._over_at()
        rang = [
            one
            for one in self._received[self._before :]
            if _fires(one)
            and self._scenario.covers(one.labels)
            and one.received_at.timestamp() < over
        ]
        kinds = (
            (rule, next((one for one in rang if rule.matches(one.labels)), None))
            for rule in self._scenario.never
        )
        return [(rule, one) for rule, one in kinds if one is not None]

    def _over_at(self) -> float:
        """When the last expected alert ended, in unix seconds; infinite while one goes on."""
        ends = [self.resolved(one) for one in self._scenario.expect]
        times = [one.ends_at.timestamp() for one in ends if one is not None and one.ends_at]
        return max(times) if times and len(times) == len(ends) else float("inf")

    def _of(self, selector: Selector) -> list[Notification]:
        return [one for one in self._received[self._before :] if selector.matches(one.labels)]


def _fires(one: Notification) -> bool:
    return one.status == "firing"
