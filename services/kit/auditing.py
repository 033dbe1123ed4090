"""From where a request comes, for the audit trail."""

from contextvars import ContextVar
from typing import Annotated

from fastapi import Depends, Request

FORWARDED = "X-Forwarded-For"

client_address: ContextVar[str] = ContextVar("client_address", default="")
"""Address of whom the gateway answers just now; it tells the services behind it."""


def source_of(request: Request) -> str:
    """Address of the person behind a request: what the gateway says, else who connected."""
    forwarded = request.headers.get(FORWARDED, "").rpartition(",")[2].strip()
    return forwarded or (request.client.host if request.client else "")


Source = Annotated[str, Depends(source_of)]
"""Parameter type of a route that records who did something."""
