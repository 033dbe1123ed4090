"""The console's application: the control room's pages, and the inbox that they show."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from observability import instrument
from observability.alerting.desk import Desk
from observability.alerting.inbox import Inbox, router
from observability.alerting.notifications import Store
from observability.alerting.receivers.settings import load_notify
from observability.backends.alertmanager import INBOX_TOKEN
from observability.console import actions, addresses, alert_actions
from observability.console.access import Access
from observability.console.assets import Assets
from observability.console.context import Context
from observability.console.frame import page
from observability.console.hosts import KnownHosts
from observability.console.loadrun import LoadRun
from observability.console.markup import element
from observability.console.policy import Policy
from observability.console.stopping import on_stop_signal
from observability.console.views import (
    alerts,
    controls,
    dashboards,
    incident,
    logs,
    overview,
    runbooks,
    trace,
    traces,
)
from observability.console.watching import watching
from observability.settings import Settings, load_settings
from observability.stack import secrets

_STATIC = Path(__file__).parent / "static"


def create_app(settings: Settings) -> ASGIApp:
    """The console with its inbox in the state folder of `settings`."""
    inbox = Inbox(Store(settings.inbox_file))
    desk = Desk(inbox, settings, load_notify(os.environ))
    context = Context(settings, inbox.store)
    access, load = Access(settings), LoadRun(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with on_stop_signal(inbox.close):
            async with desk.running(), watching(inbox, settings):
                yield
        await load.stop()
        await context.close()
        inbox.store.close()

    console = FastAPI(title="Belfry console", lifespan=lifespan, docs_url=None, redoc_url=None)
    instrument(console, service_name="console")
    console.include_router(router(inbox, _inbox_token(settings)))
    people = actions.Desk(access)
    console.include_router(actions.router(actions.Actions(settings, access, people, load)))
    console.include_router(alert_actions.router(alert_actions.AlertActions(context, people)))
    _add_health(console, inbox.store)
    _add_ways_from_grafana(console)
    parts = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    pages = _pages(context, access, load)
    for app in (console, parts):
        app.include_router(pages)
        app.add_exception_handler(HTTPException, _not_there)
    served = Policy(Assets(console, parts, StaticFiles(directory=_STATIC)))
    return KnownHosts(served, _own_names(settings))


def _pages(context: Context, access: Access, load: LoadRun) -> APIRouter:
    pages = APIRouter(include_in_schema=False)
    for view in (overview, dashboards, traces, trace, logs, alerts, runbooks):
        view.register(pages, context)
    incident.register(pages, context, access)
    controls.register(pages, context, access, load)
    return pages


async def _not_there(request: Request, error: Exception) -> Response:
    """A page for people where a page was asked for."""
    if not isinstance(error, HTTPException) or request.url.path.startswith("/api/"):
        return await http_exception_handler(request, error)  # type: ignore[arg-type]
    title = "Not found" if error.status_code == 404 else "Not done"
    return page(title, "", element("p", error.detail, role="alert"), status=error.status_code)


def _inbox_token(settings: Settings) -> Callable[[], str]:
    """What Alertmanager knows too; whoever starts first makes it."""
    secrets.generate(settings.secrets_dir, [INBOX_TOKEN])
    file = settings.secrets_dir / INBOX_TOKEN
    return lambda: file.read_text(encoding="ascii").strip()


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


def _own_names(settings: Settings) -> list[str]:
    """Addresses that readers know the console by."""
    return [settings.public_url("console"), load_notify(os.environ).console_url or ""]


def _add_ways_from_grafana(console: FastAPI) -> None:
    """Grafana's addresses work here too, so a link of an alert or dashboard need not care."""

    @console.get("/d/{uid}", include_in_schema=False)
    @console.get("/d/{uid}/{_slug}", include_in_schema=False)
    async def dashboard(request: Request, uid: str) -> RedirectResponse:
        return RedirectResponse(f"/dashboards/{uid}?{request.url.query}")

    @console.get("/explore", include_in_schema=False)
    async def explore(request: Request) -> RedirectResponse:
        return RedirectResponse(addresses.from_explore(dict(request.query_params)))


app = create_app(load_settings())
