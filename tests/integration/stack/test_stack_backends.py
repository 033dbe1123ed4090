"""The real servers, as the supervisor runs them."""

import os
import signal

import httpx
import pytest

from observability.backends import BACKENDS, DEFAULT_PORTS
from observability.settings import port_variable
from tests.support.real_servers import NATIVE, executable, free_ports
from tests.support.waiting import eventually

from .conftest import TinyStack


@pytest.fixture
def backends(shop: TinyStack) -> TinyStack:
    """All servers that we build, on free ports, and one service beside them; started."""
    for name in NATIVE:
        executable(name)
    ports = free_ports(list(DEFAULT_PORTS))
    shop.ports |= ports
    shop.variables |= {port_variable(name): str(port) for name, port in ports.items()}
    done = shop.up(f"--only=back,{','.join(NATIVE)}")
    assert done.returncode == 0, done.stdout + done.stderr
    return shop


def test_prometheus_finds_every_server_and_service(backends: TinyStack) -> None:
    """File discovery by what the supervisor writes: all are targets, Alertmanager is known."""
    prometheus = f"http://127.0.0.1:{backends.ports['prometheus']}/api/v1"

    def found() -> set[str]:
        targets = httpx.get(f"{prometheus}/targets").json()["data"]["activeTargets"]
        return {target["labels"]["instance"] for target in targets}

    expected = {f"{row['name']}-1" for row in backends.status()}
    assert expected >= {"back-1", "prometheus-1", "loki-1", "jaeger-1", "collector-1"}
    eventually(lambda: found() == expected, 10, f"targets {expected}")
    (alertmanager,) = httpx.get(f"{prometheus}/alertmanagers").json()["data"]["activeAlertmanagers"]
    assert str(backends.ports["alertmanager"]) in alertmanager["url"]


def test_servers_start_after_those_that_they_send_to(backends: TinyStack) -> None:
    """So that none begins with errors; the wait is bounded, and none is waited for in vain."""
    started = {row["name"]: row["started_at"] for row in backends.status()}
    for name in NATIVE:
        for needed in BACKENDS[name].needs:
            assert started[needed] < started[name], f"{needed} before {name}"


@pytest.mark.parametrize("name", ["loki", "jaeger"])
def test_a_killed_server_is_repaired(backends: TinyStack, name: str) -> None:
    """Ready again on the same port within ten seconds."""
    pid = backends.row(f"{name}-1")["pid"]
    os.kill(pid, signal.SIGKILL)

    def repaired() -> bool:
        row = backends.row(f"{name}-1")
        return bool(row["state"] == "ready" and row["pid"] != pid)

    eventually(repaired, 10, f"{name} ready again")
