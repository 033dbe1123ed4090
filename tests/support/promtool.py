"""promtool: whether Prometheus accepts queries, and what it answers to them."""

import functools
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from observability.settings import Settings


@functools.cache
def promtool() -> str:
    """promtool on PATH, else beside the Prometheus that the stack built."""
    built = sorted(Settings().cache_dir.glob("bin/prometheus-*/promtool"))
    found = shutil.which("promtool") or (str(built[-1]) if built else None)
    if found is None:
        pytest.fail("promtool is neither on PATH nor built: run `make servers`")
    return found


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """promtool with these arguments, run to the end, output joined."""
    return subprocess.run(
        [promtool(), *(str(one) for one in arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
        # it takes a third less time when it collects its garbage less often
        env={"PATH": os.environ.get("PATH", os.defpath), "GOGC": "400"},
    )


def refused(queries: Mapping[str, str], folder: Path) -> str:
    """What promtool says of queries that it cannot parse, by their names; empty if it can."""
    rules = [{"record": name, "expr": query} for name, query in queries.items()]
    file = folder / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), "utf-8")
    done = run("check", "rules", "--lint=none", file)
    return done.stdout if done.returncode else ""


def unmet(series: Mapping[str, str], query: str, answer: Mapping[str, float], folder: Path) -> str:
    """What promtool says where a query over these series has another answer; empty if it has not.

    Args:
        series: each with its values, a minute apart.
        query: asked at the end of the fifth minute.
        answer: labels, as in PromQL, to the value.
        folder: for the file that promtool reads.
    """
    case = {
        "interval": "1m",
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "promql_expr_test": [
            {
                "expr": query,
                "eval_time": "5m",
                "exp_samples": [{"labels": one, "value": value} for one, value in answer.items()],
            }
        ],
    }
    file = folder / "test.yml"
    file.write_text(yaml.safe_dump({"evaluation_interval": "1m", "tests": [case]}), "utf-8")
    done = run("test", "rules", file)
    return done.stdout if done.returncode else ""
