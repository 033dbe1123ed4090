"""The benchmark of the overhead runs and says what it promises."""

import json

from typer.testing import CliRunner

from observability.proof.commands import app


def test_the_overhead_is_measured_and_nothing_is_dropped() -> None:
    """``bench overhead --json`` has the ratio at its top; nothing is lost meanwhile."""
    arguments = ["overhead", "--json", "--requests", "500", "--rounds", "1"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["ratio_to_bare"] > 1
    assert result["observed_us"] > result["bare_us"] > 0
    assert result["dropped"] == 0
