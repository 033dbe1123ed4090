"""Real servers that a test needs: present, or (in CI) a failure, never a silent skip."""

import os
import shutil
from pathlib import Path

import pytest

_EXTRA_DIRECTORIES = (
    "/usr/sbin",
    "/usr/lib/rabbitmq/bin",
    *sorted(str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")),
)

#: What this run could not cover, with the reason; printed in its last lines.
not_covered: dict[str, str] = {}


def find(command: str) -> Path | None:
    """Path of `command` on PATH or where Debian keeps servers; None if there is none."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_EXTRA_DIRECTORIES))
    found = shutil.which(command, path=path)
    return Path(found) if found else None


def required(command: str) -> Path:
    """Path of `command`; without it the test fails in CI and is left out, loudly, elsewhere."""
    found = find(command)
    if found is not None:
        return found
    reason = f"{command} is not installed: run tests/install-servers as root on Debian"
    if os.environ.get("CI"):
        pytest.fail(reason)
    not_covered[command] = reason
    pytest.skip(reason)
