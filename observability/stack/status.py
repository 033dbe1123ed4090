"""How each process stands, as `belfry status` shows it and programs read it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from observability.stack.process import Process


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process.

    Attributes:
        name: of the service, backend or console; replicas share it.
        instance: tells replicas apart.
        reason: why it is not ready, empty if it is.
        memory_bytes: resident memory with that of its children; 0 while it does not run.
        started_at: seconds since 1970, None while it does not run.
        restarts: crashes that were repaired since the stack started.
    """

    name: str
    kind: str
    instance: str
    state: str
    reason: str
    pid: int | None
    port: int
    version: str
    memory_bytes: int
    started_at: float | None
    restarts: int
    log: str

    def as_json(self) -> dict[str, Any]:
        """The fields as an object."""
        return asdict(self)


def measure(processes: Iterable[Process]) -> list[ProcessStatus]:
    """Status of these processes, in their order."""
    children = _children()
    return [_status(process, children) for process in processes]


def _status(process: Process, children: dict[int, list[psutil.Process]]) -> ProcessStatus:
    pid, spec = process.pid, process.spec
    return ProcessStatus(
        name=spec.name,
        kind=spec.kind.value,
        instance=spec.instance,
        state=process.state.value,
        reason=process.reason,
        pid=pid,
        port=spec.port,
        version=spec.version,
        memory_bytes=_memory(pid, children) if pid else 0,
        started_at=process.started_at,
        restarts=process.restarts,
        log=str(process.log),
    )


def _children() -> dict[int, list[psutil.Process]]:
    """Every process by its parent: one look at the machine for the whole stack."""
    found: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        try:
            found.setdefault(process.ppid(), []).append(process)
        except psutil.Error:
            continue
    return found


def _memory(pid: int, children: dict[int, list[psutil.Process]]) -> int:
    try:
        own: int = psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0
    return own + sum(_memory(child.pid, children) for child in children.get(pid, []))
