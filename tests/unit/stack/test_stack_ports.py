"""Ports are checked before anything starts, and who is in the way is named."""

import os
import socket
from collections.abc import Iterator

import pytest

from observability.exits import UsageError
from observability.stack import ports


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_names_its_holder_and_the_setting(taken: int) -> None:
    """Pid and name of who has it, and the variable that moves ours."""
    with pytest.raises(UsageError) as refused:
        ports.require_free([("collector_health", taken)])

    assert f"port {taken} of collector_health is taken by pid {os.getpid()} (" in str(refused.value)
    assert "BELFRY_PORT_COLLECTOR_HEALTH" in str(refused.value)


def test_two_on_the_same_port_are_told_so() -> None:
    """Settings that put two processes on one port are refused."""
    with pytest.raises(UsageError, match="wanted by both a and b: set BELFRY_PORT_B"):
        ports.require_free([("a", 61_111), ("b", 61_111)])


def test_a_port_that_does_not_exist_is_refused() -> None:
    """Replicas take the ports that follow: the last of them may be too high."""
    with pytest.raises(UsageError, match=r"65536 of worker .* set BELFRY_PORT_WORKER to a lower"):
        ports.require_free([("worker", 65_536)])


def test_a_free_port_is_left_free(taken: int) -> None:
    """Asking does not take it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        free: int = server.getsockname()[1]

    ports.require_free([("a", free)])
    ports.require_free([("a", free)])
    assert not ports.is_free(taken)
