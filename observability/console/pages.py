"""The console's pages, rendered on the server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Request
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, Response
from fastapi.templating import Jinja2Templates
from markdown_it import MarkdownIt

from observability.alerting.links import links
from observability.alerting.notifications import Heartbeat, Store
from observability.settings import Settings

_TEMPLATES = Jinja2Templates(directory=Path(__file__).parent / "templates")
_RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
_SHOWN = 100
_SILENT_AFTER_SECONDS = 300


def router(store: Store, settings: Settings) -> APIRouter:
    """The start page and the runbooks that alerts link to."""
    routes = APIRouter(include_in_schema=False)
    grafana = settings.grafana_url or settings.url("grafana")
    elsewhere = {
        "Shop": settings.url("gateway"),
        "Grafana": grafana,
        "Prometheus": f"{settings.url('prometheus')}/api/v1/rules",
        "Alertmanager": settings.url("alertmanager"),
    }

    @routes.get("/", response_class=HTMLResponse)
    async def start(request: Request) -> Response:
        received = await asyncio.to_thread(store.find, limit=_SHOWN)
        firing = await asyncio.to_thread(store.find, status="firing")
        beats = await asyncio.to_thread(store.heartbeats)
        return _TEMPLATES.TemplateResponse(
            request,
            "start.html",
            {
                "firing": firing,
                "received": received[::-1],
                "links": lambda one: links(one, grafana=grafana),
                "path": _alerting_path(beats, datetime.now(UTC)),
                "elsewhere": elsewhere,
                "last_id": received[-1].id if received else 0,
            },
        )

    @routes.get("/docs/runbooks/{alert}.md", response_class=HTMLResponse)
    async def runbook(
        request: Request, alert: Annotated[str, PathParameter(pattern=r"^[A-Za-z]+$")]
    ) -> Response:
        page = _RUNBOOKS / f"{alert}.md"
        try:
            text = await asyncio.to_thread(page.read_text, encoding="utf-8")
        except FileNotFoundError:
            raise HTTPException(404, f"no runbook for {alert}") from None
        html = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
        return _TEMPLATES.TemplateResponse(request, "runbook.html", {"title": alert, "html": html})

    return routes


def _alerting_path(beats: list[Heartbeat], now: datetime) -> tuple[bool | None, str]:
    """Whether alerts arrive (None: not known yet), and the sentence that says so."""
    if not beats:
        return None, "No heartbeat from the alerting path yet."
    last = max(beat.received_at for beat in beats)
    ago = round((now - last).total_seconds())
    silent = ago > _SILENT_AFTER_SECONDS
    said = "fell silent" if silent else "is whole"
    return not silent, f"The alerting path {said}: last heartbeat {ago} s ago."
