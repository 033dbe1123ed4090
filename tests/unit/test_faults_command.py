"""`belfry fault`: what it shows, what it changes and what it refuses."""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from observability.exits import UsageError
from observability.faults import FlagFile, assignment
from services.kit.faults import COMMON, EXTRA, TEMPLATE

SERVICES = ("gateway", "account", "catalog", "cart", "checkout", "shipping", "worker")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The flag file of a stack whose state is below the test's folder."""
    monkeypatch.setenv("BELFRY_STATE_DIR", str(tmp_path))
    shutil.copy(TEMPLATE, tmp_path / "flags.json")
    return tmp_path / "flags.json"


def belfry_fault(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would; nothing listens for telemetry here."""
    return subprocess.run(
        [sys.executable, "-m", "observability.cli", "fault", *arguments],
        env={**os.environ, "OTEL_LOGS_EXPORTER": "none", "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refusal(path: Path, *assignments: str) -> str:
    """Why setting these is refused."""
    with pytest.raises(UsageError) as caught:
        FlagFile(path).set(dict(assignment(one) for one in assignments))
    return str(caught.value)


def active(path: Path) -> dict[str, float | bool]:
    return {fault.name: fault.value for fault in FlagFile(path).faults() if fault.active}


def test_the_template_has_every_fault_of_every_service_and_all_are_off(path: Path) -> None:
    """Each says what it does and in which unit."""
    faults = FlagFile(path).faults()
    expected = {f"{one}.{name}" for one in SERVICES for name in (*COMMON, *EXTRA.get(one, ()))}
    assert {fault.name for fault in faults} == expected
    assert all(fault.description and fault.unit and not fault.active for fault in faults)


def test_what_is_set_is_shown_until_it_is_cleared(path: Path) -> None:
    """One by one or all at once."""
    result = belfry_fault("set", "catalog.error_rate=0.5", "worker.stall=true", "--json")
    assert result.returncode == 0
    shown = {one["name"]: one["value"] for one in json.loads(result.stdout)}
    assert shown == active(path) == {"catalog.error_rate": 0.5, "worker.stall": True}
    belfry_fault("clear", "worker.stall")
    assert active(path) == {"catalog.error_rate": 0.5}
    assert "No fault is set." in belfry_fault("clear").stdout
    assert active(path) == {}


def test_zero_and_false_turn_a_fault_off(path: Path) -> None:
    """And it may be turned on again later."""
    flags = FlagFile(path)
    flags.set({"cart.latency_ms": "300", "worker.stall": "on"})
    flags.set({"cart.latency_ms": "0", "worker.stall": "off"})
    assert active(path) == {}
    flags.set({"cart.latency_ms": "250"})
    assert active(path) == {"cart.latency_ms": 250}


def test_the_list_names_all_faults_for_people_and_for_programs(path: Path) -> None:
    """The table is readable without colours too."""
    assert "checkout.payment_decline_rate" in belfry_fault("list").stdout
    first = json.loads(belfry_fault("list", "--json").stdout)[0]
    assert set(first) == {"name", "value", "active", "unit", "maximum", "description"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("catalog.eror_rate=0.5", "unknown fault 'catalog.eror_rate': did you mean"),
        ("nonsense=1", "unknown fault 'nonsense': see belfry fault list"),
        ("catalog.error_rate", "give NAME=VALUE"),
        ("catalog.error_rate=", "give NAME=VALUE"),
        ("catalog.error_rate=often", "give a number from 0 to 1 (share 0 to 1)"),
        ("catalog.error_rate=1.5", "give a number from 0 to 1"),
        ("catalog.error_rate=-1", "give a number from 0 to 1"),
        ("catalog.latency_ms=nan", "give a number from 0 to 60000 (milliseconds)"),
        ("catalog.latency_ms=inf", "give a number"),
        ("worker.stall=2", "give true or false"),
    ],
)
def test_a_wrong_name_or_value_is_refused_and_nothing_is_changed(
    path: Path, wrong: str, words: str
) -> None:
    """Not even what was right in the same command."""
    before = path.read_bytes()
    assert words in refusal(path, "cart.latency_ms=100", wrong)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [None, "{", "[]", '{"flags": 1}'])
def test_without_a_usable_flag_file_one_is_told_what_to_do(path: Path, content: str | None) -> None:
    """The message names the file."""
    path.unlink()
    if content is not None:
        path.write_text(content)
    flags = FlagFile(path)
    for use in (flags.faults, lambda: flags.set({"cart.latency_ms": "1"}), lambda: flags.clear([])):
        with pytest.raises(UsageError, match=re.escape(str(path))):
            use()


def test_wrong_use_is_one_line_and_exit_code_2(path: Path) -> None:
    """As of every command."""
    result = belfry_fault("set", "catalog.eror_rate=0.5")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "did you mean catalog.error_rate?" in result.stderr
    assert path.exists()


def test_changes_at_once_are_all_kept_and_each_has_a_newer_time(path: Path) -> None:
    """Followers that look at the time of the file miss none."""
    path.chmod(0o640)
    times = []
    for n in range(5):
        FlagFile(path).set({"cart.latency_ms": str(n + 1)})
        times.append(path.stat().st_mtime_ns)
    assert times == sorted(set(times))
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda one: FlagFile(path).set({f"{one}.latency_ms": "5"}), SERVICES))
    assert active(path) == {f"{one}.latency_ms": 5 for one in SERVICES}
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(one.name for one in path.parent.iterdir()) == ["flags.json", "flags.lock"]
