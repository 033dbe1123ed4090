"""Which queues exist, what each one hears, and how often a message is tried."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """What happens to a message whose handler fails."""

    max_attempts: int = 6
    """Failed tries before the message becomes a dead letter."""
    backoff_seconds: tuple[float, ...] = (0.5, 2.0, 8.0)
    """Pauses after the first, second, … failure; the last one repeats."""
    max_redeliveries: int = 20
    """How many consumers may die over a message before it becomes a dead letter."""
    give_up_seconds: float = 3600.0
    """How long a message may wait for a dependency (`TryLaterError`) since it was published."""

    def pause_after(self, failures: int) -> float:
        """Seconds to wait after the `failures`-th failure in a row (1 is the first)."""
        return self.backoff_seconds[min(failures, len(self.backoff_seconds)) - 1]


@dataclass(frozen=True, slots=True)
class Binding:
    """One queue and the routing-key patterns it hears."""

    queue: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topology:
    """One topic exchange and the queues bound to it."""

    exchange: str
    bindings: tuple[Binding, ...]
    retry: RetryPolicy = field(default_factory=RetryPolicy)


SHOP = Topology(
    exchange="shop",
    bindings=(
        Binding("shipping", ("order.paid",)),
        Binding("notification", ("order.*", "shipment.*")),
        Binding("analytics", ("order.*", "shipment.*")),
        Binding("orders", ("shipment.*",)),
    ),
)


def matches(pattern: str, routing_key: str) -> bool:
    """Say whether a topic pattern matches: `*` stands for one word, `#` for any number of them."""
    return _matches(pattern.split("."), routing_key.split("."))


def _matches(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    head, rest = pattern[0], pattern[1:]
    if head == "#":
        return any(_matches(rest, words[skip:]) for skip in range(len(words) + 1))
    return bool(words) and head in ("*", words[0]) and _matches(rest, words[1:])
