"""A service's app inside the test's own process, with settings of the test's choice."""

import importlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
from fastapi import FastAPI

from services.kit.auth import Role, TokenKey, User

KEY = "a key for tests that is long enough to be taken"


def make(service: str, state: Path, **settings: Any) -> FastAPI:
    """The app of a service, with its data below `state`."""
    environment = {
        # The module makes an app for uvicorn when it is imported: that one goes there as well.
        "SHOP_DATA_DIR": str(state / "import"),
        # Nothing listens for telemetry in these tests.
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }
    with mock.patch.dict(os.environ, environment):
        module = importlib.import_module(f"services.{service}.app")
        (state / "data").mkdir(exist_ok=True)
        values = {"data_dir": state / "data", "token_key": KEY, **settings}
        app: FastAPI = module.make(module.Settings(**values))
    return app


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client to the started app; the app is stopped at the end."""
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test", timeout=30) as client,
    ):
        yield client


def bearer(account_id: str = "ann", role: Role = "customer") -> dict[str, str]:
    """Headers of a signed-in user."""
    user = User(account_id, f"{account_id}@example.org", account_id.title(), role)
    token, _ = TokenKey(KEY).issue(user, timedelta(minutes=5))
    return {"Authorization": f"Bearer {token}"}
