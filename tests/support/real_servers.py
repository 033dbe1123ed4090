"""The real backends on free ports, started by their descriptors, for tests to speak to."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx

from observability.backends import BACKENDS, DEFAULT_PORTS, Site
from observability.backends.model import PROFILES
from observability.settings import Settings
from observability.stack import secrets
from observability.stack.build import build

Answer = TypeVar("Answer")

NATIVE = ("collector", "alertmanager", "prometheus", "jaeger", "loki")


def executable(name: str) -> Path:
    """Our own build of a server; built now if it is not there yet, never done without."""
    return asyncio.run(build(BACKENDS[name], Settings().cache_dir)).path


def tool(server: str, name: str) -> Path:
    """Companion of a server, such as promtool."""
    found = executable(server).with_name(name)
    assert found.is_file()
    return found


def free_ports(names: list[str]) -> dict[str, int]:
    """A free port for each name, all different."""
    sockets = [socket.socket() for _ in names]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in zip(names, sockets, strict=True)}
    finally:
        for one in sockets:
            one.close()


def own_profile(folder: Path, **rules: Path) -> Path:
    """The demo profile, with folders of the test's own for its `rules` or `log_rules`."""
    made = folder / "profile"
    made.mkdir()
    for file in (PROFILES / "demo").iterdir():
        (made / file.name).symlink_to(rules.get(file.name, file))
    return made


class RealServers:
    """All five, each of which can be stopped, killed and started again on its data."""

    def __init__(self, state: Path, *, inbox_url: str = "http://127.0.0.1:9/") -> None:
        """Lay out a state folder; nothing is started yet."""
        self.site = Site(state=state, ports=free_ports(list(DEFAULT_PORTS)), inbox_url=inbox_url)
        self.http = httpx.Client(timeout=10)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._logs = state / "logs"
        self._logs.mkdir(parents=True)
        self._write_targets()

    def __enter__(self) -> "RealServers":
        for name in NATIVE:
            self.start(name)
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(list(self._processes)):
            self.stop(name)
        self.http.close()

    def start(self, name: str) -> float:
        """Start one and wait until it is ready: seconds that this took."""
        backend = BACKENDS[name]
        secrets.generate(self.site.state / "secrets", backend.secrets)
        backend.prepare(self.site)
        began = time.monotonic()
        with self.log(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(
                backend.command(executable(name), self.site),
                cwd=backend.working_directory(self.site),
                env=os.environ | backend.environment(self.site),
                stdout=log,
                stderr=log,
            )
        self.until(lambda: self._ready(name), within=30, what=f"{name} ready")
        return time.monotonic() - began

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        """End one and wait for that."""
        process = self._processes.pop(name)
        process.send_signal(how)
        process.wait(timeout=BACKENDS[name].stop_seconds)

    def log(self, name: str) -> Path:
        """What a server has written."""
        return self._logs / f"{name}.log"

    def memory_mib(self) -> dict[str, int]:
        """Resident memory of each."""
        return {name: _resident(process.pid) for name, process in self._processes.items()}

    def get(self, name: str, path: str, **params: Any) -> Any:
        """JSON that a server's own API answers."""
        response = self.http.get(self.site.url(name) + path, params=params)
        response.raise_for_status()
        return response.json()

    def post(self, name: str, path: str, body: Any) -> None:
        """Give a server JSON; its refusal fails the test."""
        self.http.post(self.site.url(name) + path, json=body).raise_for_status()

    def until(self, ask: Callable[[], Answer], *, within: float, what: str) -> Answer:
        """The first true answer; a failure naming `what`, with the logs' ends, if there is none."""
        deadline = time.monotonic() + within
        while not (answer := ask()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {within:.0f} s: {what}\n{self._ends_of_logs()}")
            time.sleep(0.05)
        return answer

    def _ready(self, name: str) -> bool:
        assert self._processes[name].poll() is None, f"{name} ended\n{self._ends_of_logs()}"
        try:
            url = BACKENDS[name].ready_url(self.site)
            return self.http.get(url).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _ends_of_logs(self) -> str:
        return "\n".join(
            f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}"
            for log in sorted(self._logs.iterdir())
        )

    def _write_targets(self) -> None:
        folder = self.site.state / "targets"
        folder.mkdir()
        backends = [
            {
                "targets": [self.site.address(BACKENDS[name].metrics[0])],
                "labels": {"service_name": name, "instance": f"{name}-1"},
            }
            for name in NATIVE
        ]
        (folder / "backends.json").write_text(json.dumps(backends))
        alertmanager = [{"targets": [self.site.address("alertmanager")]}]
        (folder / "alertmanager.json").write_text(json.dumps(alertmanager))


def _resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024
