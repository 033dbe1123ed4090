"""Small real stacks: services of a few lines, a belfry.toml and a state folder of their own."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from observability.settings import Settings
from observability.stack import control
from tests.support.ports import free_ports
from tests.support.waiting import eventually

APP = """
import asyncio, os, sys

LATE = float(os.environ.get("TINY_LATE", "0"))

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await asyncio.sleep(LATE)
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["path"] == "/environment":
        body = "\\n".join(f"{key}={value}" for key, value in os.environ.items()).encode()
    else:
        body = b"ok"
    if scope["path"] == "/say":
        print("x" * 1000, flush=True)
    if scope["path"] == "/slow":
        await asyncio.sleep(float(scope["query_string"]))
    unready = scope["path"] == "/readyz" and os.path.exists(os.environ.get("TINY_UNREADY", ""))
    headers = [(b"content-length", str(len(body)).encode())]
    status = 503 if unready else 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""

BROKEN = """
import sys

sys.stderr.write("broken: bad setting TINY_URL\\n")
raise SystemExit(2)
"""


def free_row(count: int) -> int:
    """The first of so many free ports that follow each other."""
    for base in range(21_000 + os.getpid() % 5_000, 32_000, count):
        with_base = [socket.socket() for _ in range(count)]
        try:
            for offset, one in enumerate(with_base):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        finally:
            for one in with_base:
                one.close()
        return base
    raise AssertionError("no row of free ports")


@dataclass
class TinyStack:
    """A folder with a belfry.toml, and `belfry` run in it."""

    folder: Path
    state: Path
    variables: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    foreground: list[subprocess.Popen[str]] = field(default_factory=list)

    def configure(self, text: str, **ports: int) -> None:
        """Write belfry.toml; ports by service name."""
        (self.folder / "belfry.toml").write_text(text)
        (self.folder / "tiny.py").write_text(APP)
        (self.folder / "broken.py").write_text(BROKEN)
        self.ports = ports

    @property
    def environment(self) -> dict[str, str]:
        """What `belfry` is run with."""
        plain = {key: value for key, value in os.environ.items() if not key.startswith("BELFRY_")}
        return plain | {"BELFRY_STATE_DIR": str(self.state)} | self.variables

    def belfry(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "observability.cli", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Start the services, or only some of them, in the background."""
        chosen = any(one.startswith("--only") for one in arguments)
        only = [] if chosen else ["--only=services"]
        return self.belfry("up", "--detach", "--timeout=60", *only, *arguments)

    def up_in_foreground(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the services in a process that the test can signal."""
        process = subprocess.Popen(
            [sys.executable, "-m", "observability.cli", "up", "--only=services", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.foreground.append(process)
        eventually(self.all_ready, 60, "everything ready")
        return process

    def status(self) -> list[dict[str, Any]]:
        """All rows of `belfry status --json`, asked for without its start; none if none runs."""
        try:
            rows: list[dict[str, Any]] = control.ask(Settings(state_dir=self.state), "status")
        except control.NotRunningError:
            return []
        return rows

    def row(self, instance: str) -> dict[str, Any]:
        """One row."""
        return next(row for row in self.status() if row["instance"] == instance)

    def all_ready(self) -> bool:
        """Whether something runs and all of it is ready."""
        rows = self.status()
        return bool(rows) and all(row["state"] == "ready" for row in rows)

    def processes(self) -> list[psutil.Process]:
        """Every process of this stack, the supervisor not counted."""
        return [one for one in psutil.process_iter() if self._is_ours(one)]

    def supervisor(self) -> int:
        """Pid of the supervisor."""
        return int((self.state / "supervisor.lock").read_text())

    def targets(self) -> dict[str, str]:
        """What Prometheus is told to scrape of the services: address by instance."""
        files = sorted((self.state / "targets").glob("services*.json"))
        entries = [entry for file in files for entry in json.loads(file.read_text())]
        return {entry["labels"]["instance"]: entry["targets"][0] for entry in entries}

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            marker: str | None = process.environ().get("SUPERVISED_BY_BELFRY")
        except psutil.Error:
            return False
        return marker == str(self.state)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[TinyStack]:
    """A stack to configure and start; whatever the test leaves is stopped."""
    stack = TinyStack(tmp_path, tmp_path / "state")
    yield stack
    if stack.status():
        stack.belfry("down")
    for process in stack.foreground:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()
    for left in stack.processes():
        left.kill()


@pytest.fixture
def shop(tiny: TinyStack) -> TinyStack:
    """A front that needs a back, and a worker that can be scaled; not started yet."""
    front, back = free_ports(2)
    worker = free_row(4)
    tiny.configure(
        f"""
        [stack]
        namespace = "tiny"
        secrets = ["key"]
        [env]
        TINY_BACK = "{{back.url}}"
        TINY_KEY_FILE = "{{state}}/secrets/key"
        [services.front]
        app = "tiny:app"
        port = {front}
        title = "the front"
        needs = ["back"]
        [services.back]
        app = "tiny:app"
        port = {back}
        [services.worker]
        app = "tiny:app"
        port = {worker}
        scalable = true
        """,
        front=front,
        back=back,
        worker=worker,
    )
    return tiny
