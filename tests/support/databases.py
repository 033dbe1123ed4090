"""Fixture of both databases: `from tests.support.databases import database_url`."""

from pathlib import Path

import pytest

from tests.support.postgres import shared_server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, of either kind."""
    if request.param == "postgresql":
        return shared_server().new_database()
    return f"sqlite+aiosqlite:///{tmp_path}/test.db"
