"""What a process loads is what it needs."""

import subprocess
import sys
from importlib import import_module

import pytest

from observability.lean import absent


def test_a_package_is_absent_only_within() -> None:
    """Whoever imports it later gets it."""
    tool = import_module("json.tool")

    with absent("json.tool"), pytest.raises(ImportError):
        import_module("json.tool")

    again = import_module("json.tool")

    assert again is tool


@pytest.mark.parametrize(
    ("program", "unwanted"),
    [
        (
            "import services.checkout.app",
            {"grpc", "rich", "pygments", "alembic", "redis", "aio_pika"},
        ),
        (
            "import observability.console.app",
            {"redis", "aiohttp", "requests", "rich", "grafana_client"},
        ),
        ("import observability.stack.tasks", {"fastapi", "structlog", "opentelemetry", "httpx"}),
        ("import observability.cli", {"pydantic", "fastapi", "rich.live"}),
    ],
)
def test_a_process_does_without(program: str, unwanted: set[str]) -> None:
    """Megabytes in each process, and time at each start."""
    asked = f"import sys; {program}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", asked],
        env={"SHOP_TOKEN_KEY": "k" * 64, "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) & unwanted == set()
