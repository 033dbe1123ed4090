"""Lines on standard output that the application never waits for.

A line is written at once as long as whoever reads standard output keeps up. When they do not,
lines wait in a bounded buffer for a thread that writes them; what does not fit is dropped and
counted.
"""

import io
import os
import select
import sys
import threading
from collections import Counter, deque

MAX_WAITING_BYTES = 1024 * 1024
# So much can be written to a pipe or socket that says it is ready, without waiting (PIPE_BUF).
AT_ONCE_BYTES = 4096


class Stdout:
    """Standard output of this process.

    Attributes:
        dropped: lines lost, by reason: ``queue_full`` when nobody read, ``failed`` when writing
            was refused, as by a full disk.
    """

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew, as a forked child must: what waits is its parent's to write."""
        self.dropped: Counter[str] = Counter()
        # Reentrant: a signal handler or a finalizer may log while a line is being written.
        self._lock = threading.RLock()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._writer: threading.Thread | None = None

    def write(self, line: bytes) -> None:
        """Write one line, or keep it to be written soon; never waits and never raises."""
        line += b"\n"
        try:
            descriptor = sys.stdout.fileno()
        except io.UnsupportedOperation:
            _write_replaced(line)
            return
        except (AttributeError, ValueError):
            # Closed, or not there at all: nobody wants the lines.
            return
        with self._lock:
            rest = line if self._waiting else self._write_at_once(descriptor, line)
            if rest:
                self._keep(descriptor, rest)

    def drain(self, timeout: float) -> None:
        """Wait until what was kept is written, at most ``timeout`` seconds."""
        writer = self._writer
        if writer is not None:
            writer.join(timeout)

    def _write_at_once(self, descriptor: int, line: bytes) -> bytes:
        """Write what needs no waiting; returns the rest."""
        try:
            while line and _is_ready(descriptor, 0):
                line = line[os.write(descriptor, line[:AT_ONCE_BYTES]) :]
        except BlockingIOError:
            return line
        except OSError:
            self.dropped["failed"] += 1
            return b""
        return line

    def _keep(self, descriptor: int, line: bytes) -> None:
        if self._waiting and self._waiting_bytes + len(line) > MAX_WAITING_BYTES:
            self.dropped["queue_full"] += 1
            return
        self._waiting.append(line)
        self._waiting_bytes += len(line)
        if self._writer is None:
            self._start(descriptor)

    def _start(self, descriptor: int) -> None:
        writer = threading.Thread(
            target=self._write_waiting, args=(descriptor,), name="belfry-stdout", daemon=True
        )
        try:
            writer.start()
        except RuntimeError:
            # No further thread can be had, as when the interpreter ends.
            self.dropped["failed"] += len(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
        else:
            self._writer = writer

    def _write_waiting(self, descriptor: int) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._writer = None
                    return
                line = rest = self._waiting[0]
            while rest:
                _is_ready(descriptor, None)
                with self._lock:
                    rest = self._write_at_once(descriptor, rest)
            with self._lock:
                self._waiting.popleft()
                self._waiting_bytes -= len(line)


def _is_ready(descriptor: int, patience: float | None) -> bool:
    """Tell whether writing needs no waiting, after waiting for that (None: as long as it takes)."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(patience))


def _write_replaced(line: bytes) -> None:
    """Write to what stands in for standard output, as in a test: in memory, so without waiting."""
    try:
        out = getattr(sys.stdout, "buffer", None)
        if out is None:
            sys.stdout.write(line.decode())
        else:
            out.write(line)
            out.flush()
    except (OSError, ValueError, RuntimeError):
        return


stdout = Stdout()
os.register_at_fork(after_in_child=stdout.renew)
