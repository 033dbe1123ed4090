"""A stack of one's own to measure: in a folder and on ports of its own, gone afterwards."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from observability.exits import UsageError
from observability.settings import DEFAULT_PORTS, Settings
from observability.stack import control, ports
from observability.stack.config import load_config
from observability.stack.plan import make_plan
from observability.stack.servers import Servers
from observability.stack.state import StateLock

_OFFSETS = range(11_000, 40_000, 997)
_UP_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class OwnStack:
    """A stack that is not the user's; see `own_stack`."""

    settings: Settings

    def up(self) -> float:
        """Start it as a person would, and wait until all is ready.

        Returns:
            Seconds that this took.

        Raises:
            RuntimeError: it did not become ready; with what it said.
        """
        began = time.monotonic()
        done = self._belfry("up", "--detach", f"--timeout={_UP_SECONDS:.0f}")
        if done.returncode:
            raise RuntimeError(f"the measured stack is not ready:\n{done.stdout}{done.stderr}")
        return time.monotonic() - began

    def down(self) -> None:
        """Stop it; its data stay until the end."""
        self._belfry("down")

    def processes(self) -> dict[str, psutil.Process]:
        """What runs, by instance, and its supervisor."""
        rows: list[dict[str, Any]] = control.ask(self.settings, "status")
        found = {row["instance"]: psutil.Process(row["pid"]) for row in rows}
        supervisor = StateLock(self.settings).holder()
        return found | ({"supervisor": psutil.Process(supervisor)} if supervisor else {})

    def _belfry(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - ourselves, with our own arguments
            [sys.executable, "-m", "observability.cli", *arguments],
            env=_environment(self.settings.variables()),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@contextlib.contextmanager
def own_stack(settings: Settings) -> Iterator[OwnStack]:
    """A stack of what belfry.toml says, stopped and forgotten in the end; not started yet.

    Args:
        settings: of the user, for belfry.toml and the servers built.

    Raises:
        UsageError: a server is not built yet: its build would be measured.
    """
    _require_built(settings)
    with tempfile.TemporaryDirectory(prefix="belfry-bench-") as folder:
        state = Path(folder) / "state"
        of_its_own: dict[str, Any] = {
            "state_dir": state,
            "audit_dir": state / "audit",
            "grafana_password_file": state / "secrets" / "grafana_admin",
            "port_offset": _free_offset(settings),
            "ports": {},
            "urls": {},
            "public_urls": {},
            "grafana_url": None,
        }
        stack = OwnStack(settings.model_copy(update=of_its_own))
        try:
            yield stack
        finally:
            stack.down()


def _require_built(settings: Settings) -> None:
    servers = Servers(settings)
    plan = make_plan(settings, load_config(settings.config), servers.needs)
    if missing := servers.find(plan.names):
        raise UsageError(f"not built yet: {', '.join(missing)}; `make servers` builds them")


def _free_offset(settings: Settings) -> int:
    """An offset by which every port of the stack is moved to a free one."""
    services = load_config(settings.config).services
    wanted = {*DEFAULT_PORTS.values(), *(table.port for table in services.values())}
    for offset in _OFFSETS:
        if all(ports.is_free(port + offset) for port in wanted):
            return offset
    raise UsageError("no row of free ports for a stack of its own")


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The user's own, but for what would make it another stack or send its telemetry elsewhere."""
    ours = ("BELFRY_", "OTEL_", "GRAFANA_", "SHOP_")
    theirs = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return theirs | dict(variables)
