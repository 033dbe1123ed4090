"""Two sets of figures for one catalogue: a demonstration that rings in seconds, and production."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Burn:
    """One tier of burn-rate alerts: both windows must burn faster than `factor`.

    Attributes:
        factor: 1 spends the error budget exactly within its whole window.
        long: Over which enough of the budget must be gone to matter.
        short: Over which it must still be going, so that the alert ends soon after its cause.
        page: Whether a person is called now; else a ticket.
    """

    factor: float
    long: str
    short: str
    page: bool


@dataclass(frozen=True)
class Profile:
    """The figures that differ between a demonstration and production.

    Durations are Prometheus durations (`15s`, `5m`); ratios are between 0 and 1.
    """

    name: str
    page_every: str
    """How often rules that call a person are evaluated."""
    ticket_every: str
    budget_every: str
    """How often rules over long windows are evaluated: they are costly."""
    burns: tuple[Burn, ...]
    budget_window: str
    """Within which the error budget of an SLO is counted."""
    failures_at_least: int
    """Failed events within the longest paging window below which a ratio means nothing."""
    page_hold: str
    """How long a burn must last: longer than it takes to learn that a service was restarted."""
    page_keep: str
    """How long a paging alert outlives its condition, so that it does not flap."""
    ticket_hold: str
    settle_seconds: int | None
    """For how long after a (re)start failures are put down to it; None: never. Needed only where
    windows are so short that a restart of seconds would burn a budget."""
    down_for: str
    """How long a target may be silent: longer than an ordinary restart."""
    replica_down_for: str
    """Longer, as a replica just added is a target before it answers."""
    warm_up_seconds: int
    """After a start of Prometheus, how long targets may take to start too."""
    window: str
    """Over which rates of causes are taken."""
    hold_for: str
    """How long a cause must last."""
    memory_of_targets: str
    """For how long a service that vanished from the targets is missed."""
    baseline: str
    """Over which the usual value of a figure is taken."""
    baseline_offset: str
    """How long ago the usual ends, so that the present is not part of it."""
    requests_at_least: int
    """Requests, statements or look-ups within the window below which a ratio means nothing."""
    restarts: int
    restart_window: str
    queue_depth: int
    message_age_seconds: int
    stalled_for: str
    stalled_seconds: int
    refusals: int
    """Failed sign-ins or refused tokens within the security window that are no accident."""
    security_window: str
    version_overlap: str
    """How long two versions of a service may run side by side."""
    deploy_memory: str
    """How long ago a deploy may be to be blamed for a burn."""
    disk_window: str
    disk_ahead_seconds: int
    leak_window: str
    leak_bytes: int
    error_lines: int
    """Error lines within the window that are a burst."""
    flood_lines: int
    """Lines within the window that are a flood, whatever is usual."""
    log_memory: str
    """For how long a kind of error is known."""


DEMO = Profile(
    name="demo",
    page_every="2s",
    ticket_every="5s",
    budget_every="15s",
    # a 240th of production's, no window shorter than three scrapes
    burns=(
        Burn(14.4, "15s", "6s", page=True),
        Burn(6, "90s", "10s", page=True),
        Burn(3, "6m", "30s", page=False),
        Burn(1, "18m", "90s", page=False),
    ),
    budget_window="3h",
    failures_at_least=5,
    page_hold="4s",
    page_keep="10s",
    ticket_hold="2m",
    settle_seconds=30,
    down_for="8s",
    replica_down_for="20s",
    warm_up_seconds=60,
    window="1m",
    hold_for="15s",
    memory_of_targets="10m",
    baseline="10m",
    baseline_offset="1m",
    requests_at_least=20,
    restarts=3,
    restart_window="2m",
    queue_depth=20,
    message_age_seconds=30,
    stalled_for="10s",
    stalled_seconds=5,
    refusals=20,
    security_window="1m",
    version_overlap="1m",
    deploy_memory="5m",
    disk_window="10m",
    disk_ahead_seconds=3_600,
    leak_window="1m",
    leak_bytes=50_000_000,
    error_lines=20,
    flood_lines=3_000,
    log_memory="1h",
)
"""Rings within seconds, so that one can watch it; used when nothing else is asked for."""

PRODUCTION = Profile(
    name="production",
    page_every="15s",
    ticket_every="30s",
    budget_every="5m",
    burns=(
        Burn(14.4, "1h", "5m", page=True),
        Burn(6, "6h", "30m", page=True),
        Burn(3, "1d", "2h", page=False),
        Burn(1, "3d", "6h", page=False),
    ),
    budget_window="30d",
    failures_at_least=20,
    page_hold="1m",
    page_keep="5m",
    ticket_hold="15m",
    settle_seconds=None,
    down_for="1m",
    replica_down_for="5m",
    warm_up_seconds=300,
    window="5m",
    hold_for="5m",
    memory_of_targets="1h",
    baseline="1d",
    baseline_offset="1h",
    requests_at_least=50,
    restarts=3,
    restart_window="15m",
    queue_depth=1_000,
    message_age_seconds=600,
    stalled_for="5m",
    stalled_seconds=120,
    refusals=100,
    security_window="10m",
    version_overlap="30m",
    deploy_memory="1h",
    disk_window="6h",
    disk_ahead_seconds=86_400,
    leak_window="1h",
    leak_bytes=200_000_000,
    error_lines=100,
    flood_lines=100_000,
    log_memory="24h",
)
"""Rings on what lasts; figures to start from."""

PROFILES = (DEMO, PRODUCTION)
