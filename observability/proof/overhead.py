"""What observing costs: CPU time a request of one app with and without it, in one run.

CPU time of the server process is measured, not elapsed time, so that other work on the machine
hardly matters; the two are measured in turns and compared by their medians.
"""

import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import psutil

CONNECTIONS = 16
REQUEST = b"GET /items/7 HTTP/1.1\r\nhost: bench\r\nuser-agent: belfry-bench\r\n\r\n"
START_SECONDS = 30.0
SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Overhead:
    """The result.

    Attributes:
        ratio_to_bare: CPU time of the observed app to that of the bare one.
        bare_us: microseconds of CPU a request of the bare app.
        observed_us: the same with spans, metrics and logs, all of them exported.
        dropped: spans and log records that were not delivered.
        requests: measured per app and round.
        rounds: how many times each was measured.
    """

    ratio_to_bare: float
    bare_us: float
    observed_us: float
    dropped: int
    requests: int
    rounds: int


def measure(requests: int = 20_000, rounds: int = 3) -> Overhead:
    """Serve, ask and compare.

    Args:
        requests: of each app in each round.
        rounds: of bare and observed in turn.

    Raises:
        RuntimeError: a server did not start.
    """
    bare: list[float] = []
    observed: list[float] = []
    dropped = 0
    with _collector() as endpoint:
        for _ in range(rounds):
            with serving("bare", endpoint) as (process, port):
                bare.append(_cpu_per_request(process, port, requests))
            with serving("observed", endpoint) as (process, port):
                observed.append(_cpu_per_request(process, port, requests))
                dropped += _dropped(port)
    cost, base = statistics.median(observed), statistics.median(bare)
    return Overhead(
        ratio_to_bare=round(cost / base, 3),
        bare_us=round(base, 1),
        observed_us=round(cost, 1),
        dropped=dropped,
        requests=requests,
        rounds=rounds,
    )


def _cpu_per_request(process: psutil.Process, port: int, requests: int) -> float:
    """Microseconds of CPU, what is exported afterwards included."""
    _ask(port, requests // 10)
    before = process.cpu_times()
    _ask(port, requests)
    time.sleep(SETTLE_SECONDS)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return used / requests * 1e6


def _ask(port: int, requests: int) -> None:
    """Keep a few connections busy, each with one request at a time."""
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    try:
        for _ in range(max(requests // CONNECTIONS, 1)):
            for connection in sockets:
                connection.sendall(REQUEST)
            for connection in sockets:
                _read_answer(connection)
    finally:
        for connection in sockets:
            connection.close()


def _read_answer(connection: socket.socket) -> None:
    answer = b""
    while not answer.endswith(b"}"):
        part = connection.recv(4096)
        if not part:
            raise RuntimeError("the measured server closed a connection")
        answer += part
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the measured server answered {answer[:40]!r}")


def _dropped(port: int) -> int:
    page = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    lines = [line for line in page.splitlines() if line.startswith("telemetry_dropped_total{")]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines))


@contextmanager
def serving(app: str, endpoint: str) -> Iterator[tuple[psutil.Process, int]]:
    """A process that serves an app of `overhead_apps`, and its port; it listens when entered.

    Args:
        app: `bare` or `observed`.
        endpoint: where the observed one sends its telemetry.

    Raises:
        RuntimeError: it did not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "BELFRY_"))}
    command = [sys.executable, "-m", "uvicorn", "--factory", f"{__package__}.overhead_apps:{app}"]
    options = ["--port", str(port), "--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and app
        [*command, *options],
        env={**environment, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint},
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_until_up(process, port)
        yield psutil.Process(process.pid), port
    finally:
        process.terminate()
        process.wait()


def _wait_until_up(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the server to be measured did not start")


@contextmanager
def _collector() -> Iterator[str]:
    """Take whatever is exported, in this process: its cost is not the service's."""

    class Sink(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
