"""Benchmarks of the whole stack: each starts one of its own and leaves nothing behind."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from observability.backends import BACKENDS
from observability.stack.config import load_config
from tests.support.real_servers import NATIVE, executable

pytestmark = pytest.mark.timeout(1800)  # the first run ever builds the servers

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def built() -> None:
    """A benchmark measures no build."""
    for name in NATIVE:
        executable(name)


def bench(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `belfry bench …` in the project, whatever the test's own environment says."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("BELFRY_")}
    return subprocess.run(
        [sys.executable, "-m", "observability.cli", "bench", *arguments],
        cwd=ROOT,
        env=plain | variables,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def measured(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Its JSON; it may hold or not, on a machine that does other things too."""
    assert done.returncode in {0, 1}, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["holds"] is (done.returncode == 0)
    return found


def test_the_footprint_is_of_every_process(tmp_path: Path) -> None:
    """Shared pages are counted once in the sum that is limited, and in full beside it."""
    result = measured(bench("footprint", "--settle=1", "--json", BELFRY_STATE_DIR=str(tmp_path)))

    names = {one["name"].removesuffix("-1") for one in result["processes"]}
    services = load_config(ROOT / "belfry.toml").services
    native = {name for name, backend in BACKENDS.items() if backend.pinned.buildable}
    assert names >= {*services, *native, "console", "supervisor"}
    assert all(one["rss_bytes"] >= one["pss_bytes"] > 1_000_000 for one in result["processes"])
    for kind in ("rss_bytes", "pss_bytes"):
        assert result[kind] == sum(one[kind] for one in result["processes"])
    assert result["ratio_to_bare"] > 1
    assert result["holds"] is (result["pss_bytes"] <= result["limit_bytes"])
    assert list(tmp_path.iterdir()) == [], "the user's own stack was not touched"
    assert _left_behind() == []


def test_the_start_is_timed_cold_and_warm() -> None:
    """As a ratio to the start of one bare app, in the same run."""
    result = measured(bench("startup", "--rounds=1", "--json"))

    assert result["rounds"] == 1
    assert result["warm_seconds"] > result["bare_seconds"] > 0
    assert result["cpu_seconds"] > 1
    assert result["ratio_to_bare"] == pytest.approx(
        result["warm_seconds"] / result["bare_seconds"], rel=0.05
    )
    assert result["holds"] is (result["warm_seconds"] <= result["limit_seconds"])
    assert _left_behind() == []


def test_what_is_not_built_is_not_measured(tmp_path: Path) -> None:
    """Ten minutes of compiling are no start; what to do is said in one line."""
    for name in ("footprint", "startup"):
        done = bench(name, BELFRY_CACHE_DIR=str(tmp_path), BELFRY_IGNORE_PATH="true")
        assert done.returncode == 2
        assert "`make servers` builds them" in done.stderr


def _left_behind() -> list[int]:
    """Processes of a benchmark's stack."""

    def marker(process: psutil.Process) -> str:
        try:
            return str(process.environ().get("SUPERVISED_BY_BELFRY", ""))
        except psutil.Error:
            return ""

    return [one.pid for one in psutil.process_iter() if "belfry-bench-" in marker(one)]
