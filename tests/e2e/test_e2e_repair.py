"""What dies is brought back, and people can see that it was."""

import os
import signal

import pytest

from tests.support.stack import Stack
from tests.support.waiting import eventually


@pytest.mark.parametrize("name", ["cart", "collector", "prometheus"])
def test_a_killed_process_is_repaired_and_noticed(stack: Stack, name: str) -> None:
    """`kill -9` of one process: ready again within ten seconds, the restart counted in status."""
    before = next(one for one in stack.status() if one["name"] == name)
    os.kill(before["pid"], signal.SIGKILL)

    def repaired() -> bool:
        now = next(one for one in stack.status() if one["name"] == name)
        return bool(now["state"] == "ready" and now["restarts"] > before["restarts"])

    eventually(repaired, within=10, what=f"{name} ready again")
