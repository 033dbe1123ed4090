"""Real servers for tests of alerting: Prometheus, Alertmanager and the console, on free ports."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from observability.backends.alertmanager import CONFIG, INBOX_TOKEN
from observability.settings import Settings


def server(name: str, beside: str) -> Path:
    """A server on PATH, else the one that the stack built; without it the test fails."""
    built = sorted(Settings().cache_dir.glob(f"bin/{beside}-*/{name}"))
    found = shutil.which(name) or (built[-1] if built else None)
    if found is None:
        pytest.fail(f"{name} is neither on PATH nor built: run `belfry up` once")
    return Path(found)


class Process:
    """A server in a folder of its own, ended when the test ends."""

    def __init__(
        self,
        *command: str | Path,
        folder: Path,
        ready: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        name = Path(str(command[0])).name
        self._log = (folder / f"{name}.log").open("wb")
        self._process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._await(ready)

    def stop(self) -> float:
        """Ask it to stop and wait; answers how many seconds it took."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=20)
        self._log.close()
        return time.monotonic() - began

    def _await(self, url: str) -> None:
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                if httpx.get(url, timeout=2).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        self._process.kill()
        self._process.wait()
        self._log.close()
        pytest.fail(f"not ready: {url}\n{Path(self._log.name).read_text(errors='replace')[-2000:]}")


def alertmanager(folder: Path, port: int, inbox: int, config: str | None = None) -> Process:
    """Alertmanager with the project's configuration, or this text, telling the inbox's port."""
    text = CONFIG.read_text(encoding="utf-8") if config is None else config
    (folder / CONFIG.name).write_text(text, encoding="utf-8")
    (folder / "receivers").mkdir()
    url = f"http://127.0.0.1:{inbox}/api/inbox/alertmanager"
    (folder / "receivers" / "inbox_url").write_text(url, encoding="utf-8")
    _share_token(folder)
    address = f"127.0.0.1:{port}"
    return Process(
        server("alertmanager", "alertmanager"),
        f"--config.file={CONFIG.name}",
        "--storage.path=data",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        folder=folder,
        ready=f"http://{address}/-/ready",
    )


def _share_token(folder: Path) -> None:
    """What Alertmanager shows to the console and the console asks for, the same in all tests."""
    (folder / "secrets").mkdir(parents=True, exist_ok=True)
    (folder / "secrets" / INBOX_TOKEN).write_text("5" * 64, encoding="ascii")


def console(folder: Path, port: int) -> Process:
    """The console as the supervisor starts it, with its state in `folder`."""
    _share_token(folder / "state")
    return Process(
        sys.executable,
        *("-m", "uvicorn", "observability.console.app:app", "--port", str(port)),
        *("--no-access-log", "--timeout-graceful-shutdown", "10"),
        folder=folder,
        ready=f"http://127.0.0.1:{port}/readyz",
        environment={
            "BELFRY_STATE_DIR": str(folder / "state"),
            "BELFRY_PORT_CONSOLE": str(port),
            "OTEL_SDK_DISABLED": "true",
            "PYTHONPATH": str(Path(__file__).parents[3]),
        },
    )
