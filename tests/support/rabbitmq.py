"""A RabbitMQ broker of the tests' own: free ports, own folders, own cookie, own epmd."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import free_ports
from tests.support.required import required

# Debian's commands on PATH insist on the user rabbitmq; those behind them run as anyone.
UNWRAPPED = Path("/usr/lib/rabbitmq/bin")
READY_SECONDS = 120.0


class Broker:
    """One broker process; `stop` or `kill` it and `start` it again on the same data."""

    def __init__(self, folder: Path) -> None:
        self._command = _unwrapped("rabbitmq-server")
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port, self._dist_port, self._epmd_port = free_ports(3)

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start and wait until clients are accepted."""
        (self._folder / "plugins").write_text("[].\n")
        (self._folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.default = 127.0.0.1:{self.port}\n"
            "disk_free_limit.absolute = 50MB\n"
            "vm_memory_high_watermark.absolute = 512MB\n"
        )
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [self._command],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self._accepts():
            if self._process.poll() is not None or time.monotonic() > deadline:
                text = (self._folder / "output").read_text(errors="replace")
                raise RuntimeError(f"RabbitMQ did not start:\n{text[-3000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop in an orderly way."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End at once, as a crash would."""
        self._end(signal.SIGKILL)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Takes in nothing and answers nothing for the length of the block, then goes on."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._process.pid, signal.SIGCONT)

    def channels(self) -> int:
        """How many channels clients have open."""
        listed = subprocess.run(
            [_unwrapped("rabbitmqctl"), "--quiet", "list_connections", "channels"],
            env=self._environment(),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return sum(int(line) for line in listed.stdout.split() if line.isdigit())

    def close(self) -> None:
        """Stop, the name server that Erlang started beside it too."""
        self.kill()
        epmd = required("epmd")
        subprocess.run(
            [epmd, "-kill"], env=self._environment(), capture_output=True, check=False, timeout=10
        )

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, how)
            self._process.wait(timeout=30)
            self._process = None
            deadline = time.monotonic() + 30
            while self._accepts() and time.monotonic() < deadline:
                time.sleep(0.05)

    def _environment(self) -> dict[str, str]:
        folder = str(self._folder)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": folder,  # where Erlang makes its cookie
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            # Two cores shared with other tests: no busy waiting between messages.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",
        }

    def _accepts(self) -> bool:
        """Whether the broker greets a client (its port alone is open a little earlier)."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(connection.recv(1))
        except OSError:
            return False


def _unwrapped(name: str) -> Path:
    command = required(name)
    inner = UNWRAPPED / name
    return inner if inner.exists() else command


@contextmanager
def running(folder: Path) -> Iterator[Broker]:
    """A broker for the length of the block."""
    broker = Broker(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.close()
