"""What the API's routes share."""

from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Depends, Response

from services.gateway.models import ProblemDocument
from services.gateway.shop import TheShop
from services.kit.auth import CurrentUser, User, unauthorized

_PROBLEM: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ProblemDocument, "description": "Refused: a problem document"},
    "5XX": {"model": ProblemDocument, "description": "Failed: a problem document"},
}


def api_router(tag: str) -> APIRouter:
    """Return a router for a part of the API."""
    return APIRouter(prefix="/api", tags=[tag], responses=_PROBLEM)


async def signed_in(user: CurrentUser, shop: TheShop) -> User:
    """Return the signed-in user.

    Raises:
        Problem: 401, there is none, or the session of the token has been ended.
    """
    if not await shop.sessions.has(user):
        raise unauthorized("The session has been ended: sign in again.")
    return user


ApiUser = Annotated[User, Depends(signed_in)]
"""Parameter type of a route that needs a signed-in user."""


def passed_on(upstream: httpx.Response) -> Response:
    """Return a service's answer as it came; its model is in the route's documentation."""
    return Response(
        upstream.content,
        status_code=upstream.status_code,
        media_type=upstream.headers.get("content-type"),
    )
