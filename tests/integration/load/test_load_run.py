"""`belfry load` against the real shop."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shop import ROOT, RunningShop, running_shop

COMMAND = [sys.executable, "-m", "observability.cli", "load"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    with running_shop(tmp_path_factory.mktemp("shop")) as running:
        yield running


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def load(*arguments: str) -> tuple[int, str, str]:
    process = start(*arguments)
    out, err = process.communicate(timeout=90)
    return process.returncode, out, err


def test_a_run_without_a_failure_holds_and_buys(shop: RunningShop) -> None:
    code, out, err = load(
        "--users", "6", "--duration", "12", "--json", "--host", shop.url("gateway")
    )
    report = json.loads(out)
    assert report["failures"] == []
    assert code == 0, err
    assert report["finished"]
    assert report["users"] == 6
    assert report["total"]["requests"] > 30
    assert report["orders"]["placed"] >= 1
    seen = {f"{route['method']} {route['route']}" for route in report["routes"]}
    assert {"GET /", "GET /products/{id}", "POST /api/orders", "GET /api/orders/{id}"} <= seen
    # Templates only: a route for each product or order would never end.
    assert len(seen) <= 12
    assert "p95 ms" in err


def test_the_rate_is_not_exceeded(shop: RunningShop) -> None:
    code, out, _ = load(
        "--users", "8", "--rate", "3", "--duration", "5", "--json", "--host", shop.url("gateway")
    )
    report = json.loads(out)
    assert code == 0
    assert 0 < report["total"]["requests"] <= 3 * report["elapsed_seconds"] + 1


def test_ctrl_c_stops_it_with_the_summary(shop: RunningShop) -> None:
    process = start("--users", "2", "--duration", "300", "--json", "--host", shop.url("gateway"))
    time.sleep(5)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    report = json.loads(out)
    assert process.returncode == 0
    assert report["finished"]
    assert report["elapsed_seconds"] < 60


def test_nothing_is_left_behind_when_it_is_killed(shop: RunningShop) -> None:
    process = start("--users", "2", "--duration", "300", "--host", shop.url("gateway"))
    time.sleep(4)
    children = _children(process.pid)
    assert children
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while any(_is_alive(child) for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def _is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_failed_requests_are_told_with_their_trace_and_do_not_hold(shop: RunningShop) -> None:
    shop.kill("account")  # without which no buyer gets in; much of the catalogue is still known
    try:
        code, out, err = load(
            "--users", "4", "--duration", "4", "--json", "--host", shop.url("gateway")
        )
    finally:
        shop.start("account")
    report = json.loads(out)
    assert code == 1
    # Nobody who is not in goes on to buy: what is told is the cause.
    assert {failure["error"][:3] for failure in report["failures"]} == {"503"}
    assert len(report["failures"][0]["trace_id"]) == 32
    assert "Failed requests" in err


def test_a_shop_that_takes_no_token_does_not_hold(tmp_path: Path) -> None:
    """A token may expire during a run, but not be refused as soon as it is given."""
    other_key = {"SHOP_GATEWAY_TOKEN_KEY": "another key that nobody else in the shop has"}
    with running_shop(tmp_path, ("account", "catalog", "gateway"), other_key) as shop:
        code, out, _ = load(
            "--users", "4", "--duration", "20", "--json", "--host", shop.url("gateway")
        )
    refused = [one for one in json.loads(out)["failures"] if one["error"].startswith("401")]
    assert {one["route"] for one in refused} >= {"/api/cart"}
    assert code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "http://example.com"], "--allow-remote"),
        (["--host", "127.0.0.1:1"], "not an address"),
        (["--host", "http://127.0.0.1:1"], "belfry up"),
        (["--users", "0"], "--users"),
    ],
)
def test_wrong_use_is_told_and_ends_with_2(arguments: list[str], said: str) -> None:
    code, _, err = load(*arguments)
    assert code == 2
    assert said in err


def test_the_address_of_the_stack_is_the_default(shop: RunningShop) -> None:
    port = shop.url("gateway").rpartition(":")[2]
    done = subprocess.run(
        [*COMMAND, "--users", "1", "--duration", "1"],
        cwd=ROOT,
        env={**os.environ, "BELFRY_PORT_GATEWAY": port},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert shop.url("gateway") in done.stdout, done.stderr
