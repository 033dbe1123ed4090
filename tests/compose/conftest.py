"""The stack in containers, as `.ci/compose` has brought it up, behind the same questions."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.shopper import Shopper
from tests.support.stack import Stack

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Containers(Stack):
    """A stack whose processes are containers: commands run inside, questions go to its ports."""

    def compose(self, *arguments: str, timeout: float = 120) -> str:
        """Standard output of a `docker compose …` that must succeed."""
        done = subprocess.run(
            ["docker", "compose", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"docker compose {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def command(self, *arguments: str, timeout: float = 120) -> str:
        """Standard output of a `belfry …` run beside the console."""
        return self.compose("exec", "-T", "console", "belfry", *arguments, timeout=timeout)

    def belfry_beside_console(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A `belfry …` beside the console, whatever its end."""
        return subprocess.run(
            ["docker", "compose", "exec", "-T", "console", "belfry", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def inspect(self, container: str) -> dict[str, Any]:
        """What the engine knows of a container."""
        done = subprocess.run(
            ["docker", "inspect", container], capture_output=True, text=True, check=True
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found[0]

    def containers(self) -> list[dict[str, Any]]:
        """What `docker compose ps` says, one object a container."""
        listed = self.compose("ps", "--all", "--format", "json")
        return [json.loads(line) for line in listed.splitlines()]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """The containers that are running."""
    offset = os.environ.get("COMPOSE_PORT_OFFSET")
    if offset is None:
        pytest.fail("these tests want running containers: `make compose` starts them")
    running = Containers(tmp_path_factory.mktemp("state"), int(offset))
    yield running
    running.http.close()


@pytest.fixture
def shopper(stack: Containers) -> Iterator[Shopper]:
    """A signed-in customer."""
    customer = Shopper(stack.url("gateway"))
    yield customer
    customer.http.close()
