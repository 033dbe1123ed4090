"""The bounded queue between the application and the collector, one per signal.

``put`` appends to a deque and returns: it never waits. A background thread encodes what
waits, a few items at a time so that the application's thread gets its turns, and sends it.
While the collector is down, what is held is compact encoded bytes, up to a capacity; beyond
it the oldest is dropped and counted.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from observability.instrumentation.health import notice, process
from observability.instrumentation.replies import Backoff, Outcome, Reply, Sender
from observability.instrumentation.settings import QueueSettings

T = TypeVar("T")

PIECE_SIZE = 32
BREATH_SECONDS = 0.0005
MAX_REQUEST_BYTES = 1024 * 1024
REST_AFTER_BUG_SECONDS = 0.5
ABSENT_COLLECTOR_SECONDS = 0.75
END_SECONDS = 1.0

_own = threading.local()


def in_export_thread() -> bool:
    """Tell whether the caller is an export thread, whose own logs must not be exported."""
    return getattr(_own, "exporting", False)


@dataclass(frozen=True, slots=True)
class _Piece:
    body: bytes
    count: int


class ExportQueue(Generic[T]):
    """Takes items from any thread and delivers them in the background.

    Args:
        signal: ``traces`` or ``logs``; names the thread and the metrics.
        encode: turns a few items into bytes; bodies of several calls may be joined.
        send: makes one request; expected not to raise. Closed by the thread that used it.
        settings: bounds and delays.
    """

    def __init__(
        self,
        signal: str,
        encode: Callable[[Sequence[T]], bytes],
        send: Sender,
        settings: QueueSettings,
    ) -> None:
        self.signal = signal
        self.settings = settings
        self.exported = 0
        self.dropped: Counter[str] = Counter()
        self._encode_items = encode
        self._send = send
        self._waiting: deque[T] = deque()
        self._encoded: deque[_Piece] = deque()
        self._encoded_count = 0
        self._encoded_bytes = 0
        self._sending = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._flushed = threading.Condition()
        self._flush_wanted = 0
        self._flush_done = 0
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._backoff = Backoff()
        self._failing = False

    @property
    def size(self) -> int:
        """Items held: waiting, encoded or just being sent."""
        return len(self._waiting) + self._encoded_count + self._sending

    @property
    def capacity(self) -> int:
        """Items held at most."""
        return self.settings.capacity

    def put(self, item: T) -> None:
        """Hand over one item; returns at once, whatever the collector does."""
        if self._stopping:
            self._count_dropped("shutdown", 1)
            return
        self._waiting.append(item)
        if self.size > self.settings.capacity:
            self._make_room()
        if not self._wake.is_set():
            if self._thread is None:
                self._start()
            self._wake.set()

    def flush(self, timeout: float) -> bool:
        """Wait until all that was put before is sent or dropped, at most ``timeout`` seconds.

        Returns:
            Whether nothing of it is left.
        """
        if self._thread is None or self.size == 0:
            return True
        deadline = time.monotonic() + timeout
        with self._flushed:
            self._flush_wanted += 1
            wanted = self._flush_wanted
            while self._flush_done < wanted:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                # Asked again and again: each time cuts one back-off short.
                self._hurry.set()
                self._wake.set()
                self._flushed.wait(min(left, 0.25))
        return True

    def drain(self, timeout: float) -> bool:
        """Flush before the process ends; a collector that was never there is not waited for.

        Returns:
            Whether nothing is left.
        """
        first = min(timeout, ABSENT_COLLECTOR_SECONDS)
        if self.flush(first):
            return True
        if self._failing and self.exported == 0:
            return False
        return self.flush(timeout - first)

    def stop(self, timeout: float) -> bool:
        """Flush, then take nothing more and end the thread; what is left is counted as dropped.

        Returns:
            Whether nothing was left.
        """
        self.flush(timeout)
        self._stopping = True
        self._hurry.set()
        self._wake.set()
        left = self.size
        if left:
            self._count_dropped("shutdown", left)
        elif self._thread is not None:
            self._thread.join(END_SECONDS)
        return left == 0

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                name = f"belfry-export-{self.signal}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        _own.exporting = True
        while not self._stopping:
            try:
                self._turn()
            except Exception as error:
                # Whatever went wrong, the next turn may succeed; never spin on it.
                process.failed(f"export_{self.signal}", error)
                time.sleep(REST_AFTER_BUG_SECONDS)
        self._send.close()

    def _turn(self) -> None:
        if self.size == 0:
            self._wake.wait()
        self._wake.clear()
        hurried = self._hurry.wait(self.settings.delay)
        self._hurry.clear()
        wanted = self._flush_wanted
        self._encode_waiting()
        if hurried or self._backoff.over:
            self._send_encoded()
        if not self._encoded:
            with self._flushed:
                self._flush_done = max(self._flush_done, wanted)
                self._flushed.notify_all()

    def _encode_waiting(self) -> None:
        for _ in range(0, len(self._waiting), PIECE_SIZE):
            items = self._take_waiting()
            body = self._encode(items)
            if body:
                piece = _Piece(body, len(items))
                with self._lock:
                    self._encoded.append(piece)
                    self._encoded_count += piece.count
                    self._encoded_bytes += len(body)
                self._make_room()
            # Sleeping, however shortly, lets the application's thread have the interpreter.
            time.sleep(BREATH_SECONDS)

    def _take_waiting(self) -> list[T]:
        items: list[T] = []
        try:
            while len(items) < PIECE_SIZE:
                items.append(self._waiting.popleft())
        except IndexError:
            pass
        return items

    def _encode(self, items: list[T]) -> bytes:
        try:
            return self._encode_items(items)
        except Exception as error:
            process.failed(f"encode_{self.signal}", error)
        bodies = [self._encode_one(item) for item in items]
        lost = bodies.count(b"")
        if lost:
            self._count_dropped("encoding", lost)
        return b"".join(bodies)

    def _encode_one(self, item: T) -> bytes:
        try:
            return self._encode_items([item])
        except Exception:
            return b""

    def _make_room(self) -> None:
        lost = 0
        with self._lock:
            while self.size > self.settings.capacity or (
                self._encoded_bytes > self.settings.max_bytes and self._encoded
            ):
                if self._encoded:
                    lost += self._pop_encoded().count
                else:
                    try:
                        self._waiting.popleft()
                    except IndexError:
                        break
                    lost += 1
        if lost:
            self._count_dropped("queue_full", lost)

    def _pop_encoded(self) -> _Piece:
        piece = self._encoded.popleft()
        self._encoded_count -= piece.count
        self._encoded_bytes -= len(piece.body)
        return piece

    def _send_encoded(self) -> None:
        while not self._stopping and (batch := self._take_batch()):
            reply = self._try_send(b"".join(piece.body for piece in batch))
            if reply.outcome is Outcome.RETRY:
                self._put_back(batch)
                self._backoff.failed(reply)
                self._failed(reply)
                return
            self._settle(reply)

    def _settle(self, reply: Reply) -> None:
        """Count what a request carried as taken or refused."""
        if reply.outcome is Outcome.DELIVERED:
            self.exported += self._sending - reply.rejected
            if reply.rejected:
                self._count_dropped("rejected", reply.rejected)
            self._recovered()
        else:
            self._count_dropped("rejected", self._sending)
            self._failed(reply)
        self._sending = 0

    def _try_send(self, body: bytes) -> Reply:
        try:
            return self._send(body)
        except Exception as error:
            process.failed(f"send_{self.signal}", error)
            return Reply(Outcome.RETRY, reason=type(error).__name__)

    def _take_batch(self) -> list[_Piece]:
        batch: list[_Piece] = []
        count = size = 0
        with self._lock:
            while self._encoded:
                piece = self._encoded[0]
                full = (
                    count + piece.count > self.settings.batch_size
                    or size + len(piece.body) > MAX_REQUEST_BYTES
                )
                if batch and full:
                    break
                batch.append(self._encoded.popleft())
                count += piece.count
                size += len(piece.body)
            self._encoded_count -= count
            self._encoded_bytes -= size
            self._sending = count
        return batch

    def _put_back(self, batch: list[_Piece]) -> None:
        with self._lock:
            self._sending = 0
            self._encoded.extendleft(reversed(batch))
            self._encoded_count += sum(piece.count for piece in batch)
            self._encoded_bytes += sum(len(piece.body) for piece in batch)
        self._make_room()

    def _failed(self, reply: Reply) -> None:
        if not self._failing:
            self._failing = True
            notice("warning", "export_failing", signal=self.signal, reason=reply.reason)

    def _recovered(self) -> None:
        self._backoff = Backoff()
        if self._failing:
            self._failing = False
            dropped = sum(self.dropped.values())
            notice("info", "export_recovered", signal=self.signal, dropped_so_far=dropped)

    def _count_dropped(self, reason: str, count: int) -> None:
        with self._lock:
            self.dropped[reason] += count
