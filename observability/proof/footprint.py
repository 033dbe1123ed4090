"""How much memory the whole stack takes, and a service of it compared to a bare app.

Resident memory (RSS) counts a page in every process that uses it: a library that eight processes
share, and the executable's own pages, which the kernel may drop at any time. Proportional memory
(PSS) shares each page out among its users, so that a sum of it is what the machine has to give.
"""

import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from observability.proof.overhead import serving
from observability.proof.own_stack import OwnStack, own_stack
from observability.settings import Settings
from observability.stack.config import load_config

LIMIT_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one process with its children, in bytes; PSS is RSS where the kernel does not tell it."""

    name: str
    rss_bytes: int
    pss_bytes: int


@dataclass(frozen=True, slots=True)
class Footprint:
    """The result.

    Attributes:
        rss_bytes: resident memory of all processes, their supervisor included.
        pss_bytes: proportional memory of the same: what the machine has to give.
        ratio_to_bare: median resident memory of a service to that of a bare FastAPI app.
        bare_rss_bytes: of the bare app.
        limit_bytes: what `pss_bytes` may be.
        holds: whether it is.
        processes: each, the largest first.
    """

    rss_bytes: int
    pss_bytes: int
    ratio_to_bare: float
    bare_rss_bytes: int
    limit_bytes: int
    holds: bool
    processes: tuple[Memory, ...]

    def as_json(self) -> dict[str, Any]:
        """For a program to read."""
        return asdict(self)


def measure(settings: Settings, settle: float, limit: int = LIMIT_BYTES) -> Footprint:
    """Start a stack of one's own, let it settle, and weigh it.

    Args:
        settings: whose belfry.toml and servers.
        settle: seconds from ready to the scales.
        limit: bytes that it may take.

    Raises:
        UsageError: a server is not built yet.
        RuntimeError: the stack, or the bare app, did not start.
    """
    with own_stack(settings) as stack:
        stack.up()
        time.sleep(settle)
        found = weighed(stack)
    with serving("bare", "") as (process, _):
        bare = _memory("bare", process).rss_bytes
    services = load_config(settings.config).services
    theirs = [one.rss_bytes for one in found if one.name.rpartition("-")[0] in services]
    pss = sum(one.pss_bytes for one in found)
    return Footprint(
        rss_bytes=sum(one.rss_bytes for one in found),
        pss_bytes=pss,
        ratio_to_bare=round(statistics.median(theirs) / bare, 2),
        bare_rss_bytes=bare,
        limit_bytes=limit,
        holds=pss <= limit,
        processes=tuple(sorted(found, key=lambda one: -one.pss_bytes)),
    )


def weighed(stack: OwnStack) -> list[Memory]:
    """Memory of everything that runs."""
    processes = stack.processes()
    known = {process.pid for process in processes.values()}
    return [_memory(name, process, known) for name, process in processes.items()]


def _memory(
    name: str, process: psutil.Process, others: frozenset[int] | set[int] = frozenset()
) -> Memory:
    """Of a process and of those it started, except what is weighed by itself."""
    found = [process, *(one for one in process.children(recursive=True) if one.pid not in others)]
    full = [one.memory_full_info() for one in found]
    return Memory(
        name=name,
        rss_bytes=sum(one.rss for one in full),
        pss_bytes=sum(getattr(one, "pss", one.rss) for one in full),
    )
