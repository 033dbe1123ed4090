"""A Redis server of the tests' own: a free port, nothing kept on disk."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.required import required

READY_WITHIN_SECONDS = 15.0


class RedisServer:
    """One server; `stop`, `pause` and `start` it to see what its users do without it."""

    def __init__(self) -> None:
        self._command = required("redis-server")
        with socket.create_server(("127.0.0.1", 0)) as one:
            self.port = int(one.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start, empty, and wait until clients are accepted."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--daemonize"]
        self._process = subprocess.Popen(
            [self._command, *options, "no"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while not self._accepts():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("Redis did not start")
            time.sleep(0.02)

    def pause(self) -> None:
        """Stop answering, connections staying open, as an overloaded server does."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Answer again after `pause`."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End; what was stored is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _accepts(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False


@contextmanager
def running() -> Iterator[RedisServer]:
    """A server for the length of the block."""
    server = RedisServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
