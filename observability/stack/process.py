"""One child process: started, watched until it is ready and after, restarted when it crashes."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from observability.stack import logs, probe
from observability.stack.child import Child

_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 30.0
#: For what has been ready before: whoever kills it sees it repaired within ten seconds.
_LONGEST_DELAY_ONCE_READY_SECONDS = 4.0
_STABLE_SECONDS = 10.0
_CRASHES_UNTIL_FAILED = 5
_BAD_CONFIGURATION = 2
_QUICK_POLL_SECONDS = 0.05
_POLL_SECONDS = 1.0
_QUICK_UNTIL_SECONDS = 20.0


class Kind(StrEnum):
    """What sort of thing a process is."""

    SERVICE = "service"
    BACKEND = "backend"
    CONSOLE = "console"


class State(StrEnum):
    """Where a process stands; all but READY come with a reason."""

    BUILDING = "building"
    STARTING = "starting"
    READY = "ready"
    UNREADY = "unready"  # it was ready, it runs, and now says that it is not
    BACKING_OFF = "backing-off"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Spec:
    """What to run, and how to tell that it is ready."""

    name: str
    kind: Kind
    instance: str
    port: int
    version: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    ready_url: str | None = None
    needs: tuple[str, ...] = ()
    #: What it listens on, by the name that the port's setting carries.
    ports: Mapping[str, int] = field(default_factory=dict)
    metrics_port: int | None = None  # where it differs from `port`
    stop_seconds: float = 12.0


class Process:
    """Keeps one child running until told to stop.

    `changed` is called, in the event loop, after each change of state or reason.
    """

    def __init__(self, spec: Spec, log: Path, changed: Callable[["Process"], None]) -> None:
        self.spec = spec
        self.log = log
        self.state = State.STARTING
        self.reason = "waits for its turn"
        self.pid: int | None = None
        self.started_at: float | None = None
        self.restarts = 0
        self._changed = changed
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._wake = asyncio.Event()
        self._crashes = 0
        self._ready_since: float | None = None

    @property
    def begun(self) -> bool:
        """Whether it has been told to start."""
        return self._task is not None

    def start(self) -> None:
        """Begin to run and watch the child, unless that has begun; returns at once."""
        if self.begun:
            return
        self._stopping = False
        self._task = asyncio.create_task(self._supervise(), name=self.spec.instance)

    def enter(self, state: State, reason: str = "") -> None:
        """Change the state, and tell so if that is news."""
        if (state, reason) == (self.state, self.reason):
            return
        self.state, self.reason = state, reason
        self._changed(self)

    async def stop(self) -> None:
        """End the child: asked first, killed when it has not gone after its `stop_seconds`."""
        self._stopping = True
        self._wake.set()
        while self._task is not None and not self._task.done():
            await self._end_child()
            await asyncio.wait({self._task}, timeout=_QUICK_POLL_SECONDS)
        self._task = None
        self.enter(State.STOPPED)

    async def restart(self, spec: Spec) -> None:
        """End the child gracefully and run `spec` in its place, at once."""
        self.spec = spec
        if not self.begun:
            self.start()
            return
        self._crashes = 0
        self._wake.set()
        await self._end_child()
        self.enter(State.STARTING)

    def kill(self) -> None:
        """End the child and its descendants now."""
        self._stopping = True
        self._wake.set()
        self._kill_group()

    async def _supervise(self) -> None:
        while not self._stopping:
            self._wake.clear()
            self.enter(State.STARTING)
            began = logs.size(self.log)
            try:
                code = await self._run_child()
                why = _describe(code, logs.last_line(self.log, began))
            except Exception as error:  # whatever it is, the next try may go well
                code, why = None, f"cannot be started: {error}"
            if self._stopping or self._wake.is_set():
                continue
            await self._back_off(why, hopeless=code == _BAD_CONFIGURATION)
            self.restarts += not self._stopping

    async def _run_child(self) -> int:
        self._ready_since = None
        spec = self.spec
        child = Child(spec.command, spec.folder, spec.environment, self.log)
        self._child, self.pid, self.started_at = child, child.pid, time.time()
        self._changed(self)
        try:
            await self._watch(child)
        finally:
            self._child = self.pid = self.started_at = None
            code = child.reap()
        return code

    async def _watch(self, child: Child) -> None:
        """Ask for readiness, often while it starts, until the child has ended."""
        ended = asyncio.create_task(child.ended())
        began = time.monotonic()
        if self._wake.is_set():  # asked to end before there was a child to tell
            child.kill_group()
        while not ended.done():
            asking = asyncio.create_task(self._ask())
            await asyncio.wait({ended, asking}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                asking.cancel()
                break
            self._note(asking.result())
            starting = self.state is State.STARTING
            quick = starting and time.monotonic() - began < _QUICK_UNTIL_SECONDS
            await asyncio.wait({ended}, timeout=_QUICK_POLL_SECONDS if quick else _POLL_SECONDS)
        await ended

    async def _ask(self) -> probe.Answer:
        return await probe.ask(self.spec.ready_url) if self.spec.ready_url else probe.READY

    def _note(self, answer: probe.Answer) -> None:
        if self._stopping:
            return
        if answer.ready:
            self._ready_since = self._ready_since or time.monotonic()
            self.enter(State.READY)
        elif self._ready_since is None:
            self.enter(State.STARTING, answer.reason)
        else:
            self.enter(State.UNREADY, answer.reason)

    async def _back_off(self, why: str, *, hopeless: bool) -> None:
        """Wait before the next try, the longer the more often it crashed in a row."""
        was_ready = self._ready_since is not None
        if self._ready_since and time.monotonic() - self._ready_since > _STABLE_SECONDS:
            self._crashes = 0
        self._crashes += 1
        longest = _LONGEST_DELAY_ONCE_READY_SECONDS if was_ready else _LONGEST_DELAY_SECONDS
        delay = min(_FIRST_DELAY_SECONDS * 2 ** (self._crashes - 1), longest)
        state = State.BACKING_OFF
        if not was_ready and (hopeless or self._crashes >= _CRASHES_UNTIL_FAILED):
            state, delay = State.FAILED, _LONGEST_DELAY_SECONDS
        self.enter(state, f"{why} (next try after {delay:g} s)")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), delay)

    async def _end_child(self) -> None:
        child = self._child
        if child is None:
            return
        child.signal(signal.SIGTERM)
        deadline = time.monotonic() + self.spec.stop_seconds
        while self._child is child:
            if time.monotonic() > deadline:
                child.kill_group()
            await asyncio.sleep(0.02)

    def _kill_group(self) -> None:
        if self._child is not None:
            self._child.kill_group()


def _describe(code: int, last_words: str) -> str:
    """Why a child ended; what it wrote last explains an exit, but not being killed."""
    if code >= 0:
        return f"exited with code {code}" + (f": {last_words}" if last_words else "")
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
