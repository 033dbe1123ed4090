"""Services in processes of their own, served by uvicorn, exporting to a receiver."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests.support.ports import free_port


@dataclass
class Service:
    """A running uvicorn."""

    process: subprocess.Popen[bytes]
    url: str
    output: Path

    def lines(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.output.read_bytes().splitlines()]

    def stop(self) -> float:
        """End it as a supervisor would; returns how many seconds it took."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        return time.monotonic() - start


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start a module text as a service: ``serve(code, OTEL_…=…)``."""
    started: list[Service] = []

    def start(code: str, **environment: str) -> Service:
        module = f"single{len(started)}"
        (tmp_path / f"{module}.py").write_text(code)
        port = free_port()
        output = tmp_path / f"{module}.log"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "BELFRY_"))}
        with output.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", f"{module}:app", "--port", str(port)],
                cwd=tmp_path,
                env={**inherited, "PYTHONPATH": f"{os.getcwd()}:{tmp_path}", **environment},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        service = Service(process, f"http://127.0.0.1:{port}", output)
        started.append(service)
        for _ in range(400):
            try:
                httpx.get(f"{service.url}/livez")
                break
            except httpx.ConnectError:
                assert process.poll() is None, output.read_text()
                time.sleep(0.05)
        return service

    yield start
    for service in started:
        if service.process.poll() is None:
            service.process.kill()
            service.process.wait()
