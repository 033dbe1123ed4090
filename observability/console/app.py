"""The console's application: hosts the inbox and the page that shows it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.staticfiles import StaticFiles

from observability import instrument
from observability.alerting.inbox import Inbox, router
from observability.alerting.notifications import Store
from observability.console import pages
from observability.console.stopping import on_stop_signal
from observability.settings import Settings, load_settings

_STATIC = Path(__file__).parent / "static"


def create_app(settings: Settings) -> FastAPI:
    """The console with its inbox in the state folder of `settings`."""
    inbox = Inbox(Store(settings.inbox_file))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with on_stop_signal(inbox.close):
            yield
        inbox.store.close()

    console = FastAPI(title="Belfry console", lifespan=lifespan, docs_url=None, redoc_url=None)
    instrument(console, service_name="console")
    console.mount("/static", StaticFiles(directory=_STATIC), name="static")
    console.include_router(router(inbox))
    console.include_router(pages.router(inbox.store, settings))
    _add_health(console, inbox.store)
    return console


def _add_health(console: FastAPI, store: Store) -> None:
    @console.get("/livez", include_in_schema=False)
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @console.get("/readyz", include_in_schema=False)
    async def ready(response: Response) -> dict[str, dict[str, str]]:
        try:
            await asyncio.to_thread(store.find, limit=1)
        except sqlite3.Error as error:
            response.status_code = 503
            return {"checks": {"inbox": str(error)}}
        return {"checks": {"inbox": "ok"}}


app = create_app(load_settings())
