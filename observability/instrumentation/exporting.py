"""The bounded queue between the application and the collector, one per signal.

``put`` appends the item and returns: it never waits. Every few items it encodes them, which takes
some microseconds each: so what is held is compact bytes, up to a number and a size, whatever the
collector does. Beyond either bound the oldest is dropped and counted. A background thread sends.
"""

import threading
import time
from collections import Counter, deque
from typing import Generic, TypeVar

from observability.instrumentation.health import notice, process
from observability.instrumentation.replies import Backoff, Outcome, Reply, Sender
from observability.instrumentation.settings import QueueSettings
from observability.instrumentation.wire import Packed, WireFormat

T = TypeVar("T")

# One after the other they take half the time that each takes for itself, between other work.
PIECE_SIZE = 32
MAX_REQUEST_BYTES = 1024 * 1024
REST_AFTER_BUG_SECONDS = 0.5
ABSENT_COLLECTOR_SECONDS = 0.75
END_SECONDS = 1.0
HURRY_SECONDS = 0.25

_own = threading.local()


def in_export_thread() -> bool:
    """Tell whether the caller is an export thread, whose own doings must not be exported."""
    return getattr(_own, "exporting", False)


class ExportQueue(Generic[T]):
    """Takes items from any thread and delivers them in the background.

    Args:
        signal: ``traces`` or ``logs``; names the thread and the metrics.
        wire: how items are encoded.
        send: makes one request; expected not to raise. Closed by the thread that used it.
        settings: bounds and delays.

    Attributes:
        exported: items that the collector took.
        dropped: items given up, by reason.
    """

    def __init__(
        self, signal: str, wire: WireFormat[T], send: Sender, settings: QueueSettings
    ) -> None:
        self.signal = signal
        self.settings = settings
        self._wire = wire
        self._send = send
        self._batch_size = min(settings.batch_size, settings.capacity)
        self._piece_size = min(PIECE_SIZE, self._batch_size)
        self.renew()

    def renew(self) -> None:
        """Begin anew, as a forked child must: what waits is its parent's to send."""
        self.exported = 0
        self.dropped: Counter[str] = Counter()
        # Reentrant: a finalizer or a signal handler may log while this thread has it.
        self._lock = threading.RLock()
        self._work = threading.Condition(self._lock)
        self._progress = threading.Condition(self._lock)
        self._fresh: deque[T] = deque()
        self._waiting: deque[Packed] = deque()
        self._bytes = 0
        self._sending = 0
        self._first_sending = 0
        self._accepted = 0
        self._idle = self._hurried = self._stopping = self._failing = False
        self._thread: threading.Thread | None = None
        self._backoff = Backoff()
        self._send.forget()

    @property
    def size(self) -> int:
        """Items held: waiting or just being sent."""
        return self._held + self._sending

    @property
    def _held(self) -> int:
        return len(self._fresh) + len(self._waiting)

    @property
    def capacity(self) -> int:
        """Items held at most."""
        return self.settings.capacity

    def put(self, item: T) -> None:
        """Hand over one item; returns at once, whatever the collector does, and never raises."""
        with self._lock:
            if self._stopping:
                self.dropped["shutdown"] += 1
                return
            self._fresh.append(item)
            self._accepted += 1
            if len(self._fresh) >= self._piece_size:
                self._encode_fresh()
            if self.size > self.settings.capacity:
                self._make_room()
            if self._idle or self._held == self._batch_size:
                self._idle = False
                self._work.notify()
        if self._thread is None:
            self._start()

    def hurry(self) -> None:
        """Have what waits sent now, a pause after a failure cut short."""
        with self._lock:
            self._hurried = True
            self._work.notify()

    def flush(self, timeout: float, since: float | None = None) -> bool:
        """Wait until all that was put before is sent or dropped, at most ``timeout`` seconds.

        Args:
            timeout: seconds.
            since: monotonic time that they count from, by default now.

        Returns:
            Whether nothing of it is left.
        """
        deadline = (time.monotonic() if since is None else since) + timeout
        with self._lock:
            last = self._accepted
            while self._is_held(last):
                left = deadline - time.monotonic()
                if left <= 0 or not self._start():
                    return False
                # Asked again and again: each time cuts one pause short.
                self.hurry()
                self._progress.wait(min(left, HURRY_SECONDS))
        return True

    def drain(self, timeout: float, since: float | None = None) -> bool:
        """Flush before the process ends; a collector that was never there is not waited for.

        Arguments and result are those of :meth:`flush`.
        """
        begun = time.monotonic() if since is None else since
        if self.flush(min(timeout, ABSENT_COLLECTOR_SECONDS), begun):
            return True
        if self._failing and self.exported == 0:
            return False
        return self.flush(timeout, begun)

    def stop(self, timeout: float, since: float | None = None) -> bool:
        """Flush, then take nothing more and end the thread; what is left is counted as dropped.

        Arguments are those of :meth:`flush`.

        Returns:
            Whether nothing was left.
        """
        flushed = self.flush(timeout, since)
        with self._lock:
            self._stopping = True
            self._work.notify()
        if flushed and self._thread is not None:
            self._thread.join(END_SECONDS)
        with self._lock:
            left = self.size
            self._fresh.clear()
            self._waiting.clear()
            # What is just being sent is given up: whatever becomes of it is not counted again.
            self._bytes = self._sending = 0
            if left:
                self.dropped["shutdown"] += left
        return left == 0

    def _is_held(self, last: int) -> bool:
        """Tell whether any of the first ``last`` items is still held."""
        return (self._first_sending if self._sending else self._first_waiting) < last

    @property
    def _first_waiting(self) -> int:
        """How many items were put before the oldest that waits."""
        return self._accepted - self._held

    def _encode_fresh(self) -> None:
        """Make bytes of what is not yet; the caller has the lock."""
        while self._fresh:
            try:
                packed = self._wire.pack(self._fresh.popleft())
            except Exception as error:
                process.failed(f"encode_{self.signal}", error)
                self.dropped["encoding"] += 1
            else:
                self._waiting.append(packed)
                self._bytes += len(packed.body)
        self._make_room()

    def _start(self) -> bool:
        """Start the thread unless it runs; False when no further one can be had just now."""
        with self._lock:
            if self._thread is None:
                name = f"belfry-export-{self.signal}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                try:
                    self._thread.start()
                except RuntimeError as error:
                    self._thread = None
                    process.failed(f"export_{self.signal}", error)
            return self._thread is not None

    def _run(self) -> None:
        _own.exporting = True
        while self._await_turn():
            try:
                self._send_waiting()
            except Exception as error:
                # Whatever went wrong, the next turn may succeed; never spin on it.
                process.failed(f"export_{self.signal}", error)
                time.sleep(REST_AFTER_BUG_SECONDS)
        self._send.close()

    def _await_turn(self) -> bool:
        """Wait until there is something to send and time to do so; False at the end."""
        with self._lock:
            self._idle = True
            self._work.wait_for(lambda: self._held or self._stopping)
            self._idle = False
            pause = max(self.settings.delay, self._backoff.left)
            self._work.wait_for(self._is_urgent, pause)
            self._hurried = False
            return not self._stopping

    def _is_urgent(self) -> bool:
        full = self._held >= self._batch_size and not self._failing
        return full or self._hurried or self._stopping

    def _send_waiting(self) -> None:
        # What comes meanwhile has a turn of its own: else each request would carry a few items.
        with self._lock:
            self._encode_fresh()
            last = self._accepted
        while batch := self._take_batch(last):
            reply = self._try_send(batch)
            self._settle(batch, reply)
            self._tell(reply)
            if reply.outcome is Outcome.RETRY:
                return

    def _take_batch(self, last: int) -> list[Packed]:
        batch: list[Packed] = []
        size = 0
        with self._lock:
            first = self._first_waiting
            count = min(last - first, len(self._waiting), self._batch_size)
            while len(batch) < count:
                size += len(self._waiting[0].body)
                if batch and size > MAX_REQUEST_BYTES:
                    break
                self._bytes -= len(self._waiting[0].body)
                batch.append(self._waiting.popleft())
            self._sending = len(batch)
            self._first_sending = first
        return batch

    def _try_send(self, batch: list[Packed]) -> Reply:
        try:
            return self._send(self._wire.request(batch))
        except Exception as error:
            process.failed(f"send_{self.signal}", error)
            return Reply(Outcome.RETRY, reason=type(error).__name__)

    def _settle(self, batch: list[Packed], reply: Reply) -> None:
        """Count a batch as taken or refused, or put it back."""
        with self._lock:
            if self._sending == 0:
                return  # given up meanwhile, and counted
            self._sending = 0
            if reply.outcome is Outcome.RETRY:
                self._backoff.failed(reply)
                self._put_back(batch)
                return
            rejected = len(batch)
            if reply.outcome is Outcome.DELIVERED:
                self._backoff = Backoff()
                rejected = min(max(reply.rejected, 0), len(batch))
                self.exported += len(batch) - rejected
            if rejected:
                self.dropped["rejected"] += rejected
            self._progress.notify_all()

    def _put_back(self, batch: list[Packed]) -> None:
        self._waiting.extendleft(reversed(batch))
        self._bytes += sum(len(packed.body) for packed in batch)
        self._make_room()

    def _make_room(self) -> None:
        """Drop the oldest until the rest fits; the caller has the lock."""
        lost = 0
        while self.size > self.settings.capacity or self._bytes > self.settings.max_bytes:
            if self._waiting:
                self._bytes -= len(self._waiting.popleft().body)
            elif self._fresh:
                self._fresh.popleft()
            else:
                break
            lost += 1
        if lost:
            self.dropped["queue_full"] += lost

    def _tell(self, reply: Reply) -> None:
        """Say once that sending fails, and once that it works again; not at the end any more."""
        failing = reply.outcome is not Outcome.DELIVERED
        if failing == self._failing or self._stopping:
            return
        self._failing = failing
        if failing:
            notice("warning", "export_failing", signal=self.signal, reason=reply.reason)
        else:
            lost = sum(self.dropped.values())
            notice("info", "export_recovered", signal=self.signal, dropped_so_far=lost)
