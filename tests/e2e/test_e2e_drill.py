"""`belfry drill` on the running shop: from fault to resolved; restored whatever happens."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import Stack
from tests.support.waiting import eventually

#: Of one service each, over in about a minute.
QUICK = ("checkout-errors", "tokens-forged", "unheard-of-error", "cart-hangs")
FAULT = "account.latency_ms"


def _value(stack: Stack, fault: str) -> float:
    faults = json.loads(stack.command("fault", "list", "--json"))
    return float(next(one["value"] for one in faults if one["name"] == fault))


@contextmanager
def _under_way(stack: Stack) -> Iterator[subprocess.Popen[bytes]]:
    """A drill that has set its fault."""
    drill = subprocess.Popen(
        [sys.executable, "-m", "observability.cli", "drill", "account-slow"],
        env=stack.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: _value(stack, FAULT), within=240, what="the fault of the drill")
        yield drill
    finally:
        drill.kill()
        drill.wait()
        stack.command("drill", "--restore")


def test_quick_drills_hold(stack: Stack, tmp_path: Path) -> None:
    """Each alert is received and ends, with its trace and log lines; the report says when."""
    junit = tmp_path / "drill.xml"
    done = stack.belfry("drill", *QUICK, "--json", "--junit", str(junit), timeout=500)
    report = json.loads(done.stdout)
    problems = {one["drill"]: one["problems"] for one in report["drills"]}
    assert problems == {name: [] for name in QUICK}, done.stderr
    for one in report["drills"]:
        for alert in one["alerts"]:
            assert 0 < alert["firing"] <= alert["received"]
            assert alert["resolved"] > 0
    assert junit.read_text(encoding="utf-8").count("<testcase ") == len(QUICK) + 2
    _is_on_record(stack, report)


def _is_on_record(stack: Stack, report: dict[str, Any]) -> None:
    """The log has the times of the report, the audit trail who played it."""
    query = '{service_name="belfry"} |= "drill_alert"'
    alerts = {(d["drill"], a["alert"]): a for d in report["drills"] for a in d["alerts"]}
    eventually(
        lambda: len(stack.log_lines(query)) >= len(alerts),
        within=15,
        what="a line for each alert",
    )
    for line in stack.log_lines(query):
        alert = alerts[line["drill"], line["alert"]]
        assert float(line["received_seconds"]) == pytest.approx(alert["received"], abs=0.001)
        assert line["outcome"] == "ok"
    events = json.loads(stack.command("audit", "list", "--json", "--action", "drill_started"))
    assert {event["target"] for event in events} >= set(QUICK)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_drill_restores(stack: Stack, number: signal.Signals) -> None:
    """Asked to end, it clears its fault first, and says that it did not come to its end."""
    query = '{service_name="belfry"} |= "drill_interrupted"'
    before = len(stack.log_lines(query))
    with _under_way(stack) as drill:
        drill.send_signal(number)
        assert drill.wait(timeout=30) == 1
        assert _value(stack, FAULT) == 0
        assert not (stack.state / "drill.json").exists()
    eventually(lambda: len(stack.log_lines(query)) > before, within=15, what="a line that says so")


def test_a_killed_drill_is_put_right_by_the_next(stack: Stack) -> None:
    """Its journal stays, and says what is left to do."""
    with _under_way(stack) as drill:
        drill.kill()
        drill.wait()
        assert _value(stack, FAULT) > 0
        assert "put back 1" in stack.command("drill", "--restore")
        assert _value(stack, FAULT) == 0
