"""What the API's routes share."""

from typing import Any

import httpx
from fastapi import APIRouter, Response

from services.gateway.models import ProblemDocument

_PROBLEM: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ProblemDocument, "description": "Refused: a problem document"},
    "5XX": {"model": ProblemDocument, "description": "Failed: a problem document"},
}


def api_router(tag: str) -> APIRouter:
    """Return a router for a part of the API."""
    return APIRouter(prefix="/api", tags=[tag], responses=_PROBLEM)


def passed_on(upstream: httpx.Response) -> Response:
    """Return a service's answer as it came; its model is in the route's documentation."""
    return Response(
        upstream.content,
        status_code=upstream.status_code,
        media_type=upstream.headers.get("content-type"),
    )
