"""How long the whole stack takes to be ready, and that compared to a bare app's start."""

import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

from observability.proof.overhead import serving
from observability.proof.own_stack import OwnStack, own_stack
from observability.settings import Settings

LIMIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Startup:
    """The result.

    Attributes:
        warm_seconds: median of `belfry up --detach` until everything is ready, on data that are
            there already.
        first_seconds: of the first one, which makes databases and secrets.
        cpu_seconds: processor time, median of the warm starts, of everything until it is ready:
            what does not change with what else the machine does.
        ratio_to_bare: `warm_seconds` to the start of one bare FastAPI app, median of as many.
        bare_seconds: of the bare app.
        limit_seconds: what `warm_seconds` may be.
        holds: whether it is.
        rounds: warm starts that were measured.
    """

    warm_seconds: float
    first_seconds: float
    cpu_seconds: float
    ratio_to_bare: float
    bare_seconds: float
    limit_seconds: float
    holds: bool
    rounds: int

    def as_json(self) -> dict[str, Any]:
        """For a program to read."""
        return asdict(self)


def measure(settings: Settings, rounds: int, limit: float = LIMIT_SECONDS) -> Startup:
    """Start a stack of one's own, once on nothing and then on what is there.

    Args:
        settings: whose belfry.toml and servers.
        rounds: warm starts, and starts of the bare app in between.
        limit: seconds that a warm start may take.

    Raises:
        UsageError: a server is not built yet.
        RuntimeError: the stack, or the bare app, did not start.
    """
    warm, cpu, bare = [], [], []
    with own_stack(settings) as stack:
        first = stack.up()
        stack.down()
        for _ in range(rounds):
            bare.append(_bare())
            warm.append(stack.up())
            cpu.append(_used(stack))
            stack.down()
    seconds = statistics.median(warm)
    return Startup(
        warm_seconds=round(seconds, 2),
        first_seconds=round(first, 2),
        cpu_seconds=round(statistics.median(cpu), 2),
        ratio_to_bare=round(seconds / statistics.median(bare), 2),
        bare_seconds=round(statistics.median(bare), 2),
        limit_seconds=limit,
        holds=seconds <= limit,
        rounds=rounds,
    )


def _bare() -> float:
    began = time.monotonic()
    with serving("bare", ""):
        return time.monotonic() - began


def _used(stack: OwnStack) -> float:
    """Processor time of all that runs, from its beginning."""
    times = [process.cpu_times() for process in stack.processes().values()]
    return sum(one.user + one.system for one in times)
