"""What a command logs and audits: kept at once, sent on, and no burden without a Collector."""

import json
import os
import time
from pathlib import Path

from observability import get_logger
from observability.instrumentation import state
from observability.settings import Settings
from observability.stack import audited
from tests.support.ports import free_port

MOST_SECONDS = audited.SEND_SECONDS + 1.0


def test_acts_are_kept_and_the_command_ends_soon_without_a_collector(
    tmp_path: Path,
) -> None:
    """The journal has them; nobody waits for who was never there."""
    settings = Settings(state_dir=tmp_path, ports={"collector": free_port()})
    began = time.monotonic()
    with audited.joined(settings):
        audited.act("drill_started", "cart-hangs", what="cart stops")
        get_logger(__name__).info("drill_finished", drill="cart-hangs")
    assert time.monotonic() - began < MOST_SECONDS
    [line] = (tmp_path / "audit" / "belfry-cli.jsonl").read_text(encoding="utf-8").splitlines()
    event = json.loads(line)
    assert (event["action"], event["target"]) == ("drill_started", "cart-hangs")
    assert json.loads(event["detail"]) == {"what": "cart stops"}


def test_nothing_of_it_lasts(tmp_path: Path) -> None:
    """Neither in the environment, which other commands inherit, nor in the process."""
    settings = Settings(state_dir=tmp_path, ports={"collector": free_port()})
    before, telemetry = dict(os.environ), state.current()
    with audited.joined(settings):
        assert os.environ["BELFRY_AUDIT_DIR"] == str(tmp_path / "audit")
        assert "OTEL_SERVICE_NAME" not in os.environ.keys() - before.keys()
        assert state.current() is not telemetry
    assert dict(os.environ) == before
    assert state.current() is telemetry
