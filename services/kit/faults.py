"""Faults on purpose: OpenFeature flags that a service honours live.

`belfry fault set catalog.error_rate=0.5` changes the flag file; its provider notices
within half a second and the values that are set are kept in a dict, so that a request pays for a
look-up and not for an evaluation. Faults touch a service's own routes and never `/livez`, `/readyz`
and `/metrics`: a service under a fault shall still be seen.
"""

import asyncio
import contextlib
import mmap
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fastapi import Request
from openfeature import api
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import OpenFeatureError
from openfeature.provider.no_op_provider import NoOpProvider

from observability import gauge, get_logger
from services.kit.flag_file import FlagFileProvider
from services.kit.problems import Problem

TEMPLATE = Path(__file__).with_name("flags.json")
POLL_SECONDS = 0.25
COMMON = ("latency_ms", "error_rate", "memory_mb_per_s", "loop_block_ms", "log_noise_per_s")
EXTRA = {"checkout": ("payment_decline_rate",), "worker": ("stall",)}
SWITCHES = frozenset({"stall"})

BLOCK_EVERY_SECONDS = 1.0
TICK_SECONDS = 0.1
MEMORY_LIMIT_MB = 1024
"""Growth stops here: the fault shall be seen, not take the machine down."""

HONOURED = gauge(
    "service_fault_value",
    "What a fault that the service honours is set to, in the unit of its name; 0 when it is off.",
    ["fault"],
)
log = get_logger(__name__)


class InjectedFault(Problem):
    """An error on purpose."""

    logged = True


class Faults:
    """The faults of one service as they are set now.

    Args:
        service: whose flags, `<service>.<fault>`.
        path: the flag file; made from the template if there is none.
    """

    def __init__(self, service: str, path: Path) -> None:
        self._service = service
        self._path = path
        self._names = (*COMMON, *EXTRA.get(service, ()))
        self._values: dict[str, float] = {}
        self._domain = f"shop-{service}-{id(self)}"
        self._client = api.get_client(self._domain)
        self._listeners: list[Callable[[], None]] = []
        self._readable = True

    def value(self, name: str) -> float:
        """The value of a fault in the unit of its name; 0 when it is off."""
        return self._values.get(name, 0.0)

    def enabled(self, name: str) -> bool:
        """Whether a fault that is a switch is on."""
        return bool(self._values.get(name, 0.0))

    def happens(self, name: str) -> bool:
        """Whether a fault that is a rate strikes this time."""
        rate = self._values.get(name, 0.0)
        return rate > 0 and random.random() < rate  # noqa: S311 - no secret depends on it

    async def strike(self, request: Request) -> None:
        """Delay a request, or fail it, as the faults ask for; a dependency of routes.

        As such it strikes when the route is known: the error is counted there, and shown as that
        route shows errors.

        Raises:
            InjectedFault: this is one of those that are to fail.
        """
        if not self._values:
            return
        if latency := self.value("latency_ms"):
            await asyncio.sleep(latency / 1000)
        if self.happens("error_rate"):
            log.error("fault_injected", fault="error_rate", path=request.url.path)
            raise InjectedFault(500, "Injected fault", "An error was injected on purpose.")

    @property
    def any_set(self) -> bool:
        """Whether any fault of the service is set."""
        return bool(self._values)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call the listener, in a thread of its own, whenever the flags have changed."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Begin to follow the flag file; without a readable one there are no faults."""
        self._show()
        try:
            _provide(self._path)
        except OSError as error:
            log.warning("flags_unavailable", path=str(self._path), error=str(error))
            return
        self._client.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, self._on_change)
        self._client.add_handler(ProviderEvent.PROVIDER_READY, self._on_change)
        self._client.add_handler(ProviderEvent.PROVIDER_ERROR, self._on_error)
        provider = FlagFileProvider(self._path, POLL_SECONDS)
        # A file that cannot be read now is reported by `_on_error` and may be repaired later.
        with contextlib.suppress(OpenFeatureError):
            api.set_provider_and_wait(provider, self._domain)
            self._refresh()

    def stop(self) -> None:
        """No longer follow the flag file."""
        self._listeners.clear()
        self._values = {}
        self._show()
        api.set_provider(NoOpProvider(), self._domain)

    def _on_change(self, _details: EventDetails) -> None:
        self._readable = True
        self._refresh()

    def _on_error(self, details: EventDetails) -> None:
        """Say it once; the faults stay as they were until the file can be read again."""
        if self._readable:
            self._readable = False
            log.warning("flags_unreadable", path=str(self._path), reason=details.message)

    def _refresh(self) -> None:
        """Evaluate all flags of the service once and keep those that are set."""
        values = {}
        for name in self._names:
            key = f"{self._service}.{name}"
            if name in SWITCHES:
                value = float(self._client.get_boolean_value(key, False))
            else:
                value = self._client.get_float_value(key, 0.0)
            if value > 0:
                values[name] = value
        if values != self._values:
            self._values = values
            self._show()
            log.warning("faults_changed", faults=values)
            for listener in list(self._listeners):
                listener()

    def _show(self) -> None:
        """On `/metrics`, each fault that the service knows, set or not."""
        for name in self._names:
            HONOURED.labels(name).set(self.value(name))


def _provide(path: Path) -> None:
    """Put the template in place unless another process did; never replaces a file."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    os.close(handle)
    shutil.copyfile(TEMPLATE, temporary)
    Path(temporary).chmod(0o644)
    with contextlib.suppress(FileExistsError):
        os.link(temporary, path)
    Path(temporary).unlink()


class Misbehaviour:
    """Faults of the process rather than of a request: memory, event loop, log noise.

    Sleeps while none of them is set.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._held: list[mmap.mmap] = []
        self._owed_memory = 0.0
        self._owed_lines = 0.0
        self._block_at = 0.0

    async def run(self) -> None:
        """Misbehave as told until cancelled; what was held is given back then."""
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(changed.set)

        self._faults.listen(wake)
        last = time.monotonic()
        try:
            while True:
                if not self._step(time.monotonic() - last):
                    await changed.wait()
                last = time.monotonic()
                changed.clear()
                await asyncio.sleep(TICK_SECONDS)
        finally:
            self._held.clear()

    def _step(self, elapsed: float) -> bool:
        """Do what is due after so many seconds; returns whether there is more to do."""
        memory = self._faults.value("memory_mb_per_s")
        block = self._faults.value("loop_block_ms")
        noise = self._faults.value("log_noise_per_s")
        self._grow(memory, elapsed)
        self._chatter(noise, elapsed)
        if block and time.monotonic() >= self._block_at:
            self._block_at = time.monotonic() + BLOCK_EVERY_SECONDS + block / 1000
            time.sleep(block / 1000)
        return bool(memory or block or noise)

    def _grow(self, rate: float, elapsed: float) -> None:
        if not rate:
            self._held.clear()
            self._owed_memory = 0.0
            return
        self._owed_memory += rate * elapsed
        while self._owed_memory >= 1 and len(self._held) < MEMORY_LIMIT_MB:
            self._owed_memory -= 1
            block = _pages(1 << 20)
            block[::4096] = b"\x01" * 256  # touch each page, else it takes no memory
            self._held.append(block)

    def _chatter(self, rate: float, elapsed: float) -> None:
        self._owed_lines = self._owed_lines + rate * elapsed if rate else 0.0
        while self._owed_lines >= 1:
            self._owed_lines -= 1
            log.info("log_noise", note="A line that means nothing, written on purpose.")


def _pages(size: int) -> mmap.mmap:
    """Memory from the system: what the heap takes it may keep when it is given back."""
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
