"""The shop's services for a test: real processes on free ports, with a folder of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.ports import free_ports

ROOT = Path(__file__).parents[2]
SERVICES = ("account", "catalog", "cart", "checkout", "shipping", "worker", "gateway")
READY_WITHIN_SECONDS = 180.0


class RunningShop:
    """Services as uvicorn processes; one can be killed and started again at the same address.

    Args:
        state: Folder for data, flags, secrets and logs.
        services: Which of the shop's services to run; more get an address, at which nothing is.
        environment: Further variables for every service.
    """

    def __init__(
        self, state: Path, services: Iterable[str], environment: Mapping[str, str]
    ) -> None:
        self.state = state
        self.services = tuple(services)
        self._ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        self._extra = dict(environment)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        (state / "logs").mkdir(parents=True, exist_ok=True)

    def url(self, service: str) -> str:
        """Base URL of a service."""
        return f"http://127.0.0.1:{self._ports[service]}"

    @property
    def audit_folder(self) -> Path:
        """Where the services keep their audit journals."""
        return self.state / "audit"

    def start(self, *services: str) -> None:
        """Start services (by default all) and wait until they are ready."""
        chosen = services or self.services
        for service in chosen:
            self._processes[service] = self._spawn(service)
        for service in chosen:
            self._wait_ready(service)

    def kill(self, service: str) -> None:
        """End a service as a crash would: nothing is flushed or finished."""
        self._end(service, signal.SIGKILL)

    def stop(self, *services: str) -> None:
        """End services (by default all) as the supervisor does: they finish what they do."""
        chosen = services or tuple(self._processes)
        for service in chosen:
            self.terminate(service)
        for service in chosen:
            self._end(service, signal.SIGTERM)

    def terminate(self, service: str) -> None:
        """Ask a service to end, and wait for nothing."""
        self._processes[service].terminate()

    def log(self, service: str) -> str:
        """What a service has written so far."""
        return self._log_path(service).read_text(errors="replace")

    def _log_path(self, service: str) -> Path:
        return self.state / "logs" / f"{service}.log"

    def _environment(self, service: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SHOP_", "OTEL_"))}
        urls = {f"SHOP_{name.upper()}_URL": self.url(name) for name in SERVICES}
        own = {
            "SHOP_DATA_DIR": str(self.state / "data"),
            "BELFRY_AUDIT_DIR": str(self.audit_folder),
            "SHOP_TOKEN_KEY": "a key for tests that is long enough to be taken",
            "SHOP_ADVERTISE_URL": self.url(service),
            "OTEL_SERVICE_NAME": service,
            # Nothing listens for telemetry in these tests.
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
        }
        return kept | urls | own | self._extra

    def _spawn(self, service: str) -> subprocess.Popen[bytes]:
        app = f"services.{service}.app:app"
        port = str(self._ports[service])
        command = [sys.executable, "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", port]
        with self._log_path(service).open("ab") as log:
            return subprocess.Popen(
                [*command, "--no-access-log", "--timeout-graceful-shutdown", "10"],
                cwd=ROOT,
                env=self._environment(service),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _wait_ready(self, service: str) -> None:
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while not _is_ready(self.url(service)):
            if self._processes[service].poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{service} is not ready:\n{self.log(service)}")
            time.sleep(0.05)

    def _end(self, service: str, number: signal.Signals) -> None:
        process = self._processes.pop(service)
        process.send_signal(number)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


@contextmanager
def running_shop(
    state: Path,
    services: Iterable[str] = SERVICES,
    environment: Mapping[str, str] | None = None,
) -> Iterator[RunningShop]:
    """Run services of the shop, ready to be used, until the end of the block."""
    shop = RunningShop(state, services, environment or {})
    try:
        shop.start()
        yield shop
    finally:
        shop.stop()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
