"""One whole stack for the end-to-end tests, on ports and in a state folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shopper import Shopper
from tests.support.stack import Stack

# Below the ports that the system hands out by itself.
PORT_OFFSET = 12_000


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything that `belfry up` runs, ready."""
    state: Path = tmp_path_factory.mktemp("stack")
    running = Stack(state, PORT_OFFSET)
    running.command("up", "--detach", timeout=300)
    yield running
    running.http.close()
    running.command("down")


@pytest.fixture
def shopper(stack: Stack) -> Iterator[Shopper]:
    """A signed-in customer."""
    shopper = Shopper(stack.url("gateway"))
    yield shopper
    shopper.http.close()
