"""What the services have recorded in the audit trail."""

from pathlib import Path

import pytest

from observability.instrumentation.audit import DIRECTORY_VARIABLE, AuditEvent, read_journal


@pytest.fixture
def audit_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where apps in the test's own process keep their journals."""
    folder = tmp_path / "audit"
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(folder))
    return folder


def audited(folder: Path, action: str, target: str | None = None) -> list[AuditEvent]:
    """What the journals in a folder have about an action on a target, oldest first."""
    events = [event for path in folder.glob("*.jsonl") for event in read_journal(path)]
    return [
        event
        for event in sorted(events, key=lambda event: event.at)
        if event.action == action and target in {None, event.target}
    ]
