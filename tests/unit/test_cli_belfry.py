"""The `belfry` command itself: help, version, wrong use."""

import subprocess
import sys
from importlib import metadata

import pytest

from observability import cli

HEAVY = ("pydantic", "httpx", "psutil", "fastapi", "opentelemetry", "locust")


def test_help_is_there_without_loading_what_commands_need() -> None:
    """Help must be quick: it loads none of the large libraries."""
    code = (
        "import sys\n"
        "from observability import cli\n"
        "assert cli.run(['--help']) == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stderr == "[]\n"
    for command in ("up", "down", "status", "logs", "restart", "scale", "fault", "alerts", "load"):
        assert f"│ {command} " in done.stdout


def test_every_command_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    """`belfry COMMAND --help` for each of them."""
    for command in ("up", "down", "status", "logs", "restart", "scale", "fault", "alerts", "queue"):
        assert cli.run([command, "--help"]) == 0
        assert f"belfry {command}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`belfry --version` is that of the package."""
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"belfry {metadata.version('belfry')}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bogus"], "No such option: --bogus"),
        (["up", "--bogus"], "No such option: --bogus"),
        (["statu"], "No such command 'statu'"),
        (["logs"], "Missing argument 'name'"),
        (["logs", "x", "--lines", "many"], "'--lines'"),
        (["scale", "worker"], "NAME=N"),
        (["up", "--scale"], "'--scale' requires an argument"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """No usage text, no frame, no traceback."""
    assert cli.run(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
