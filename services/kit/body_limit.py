"""No request may be larger than what a service has use for."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 1 << 20
"""A hundred times what the largest request of the shop takes."""


class BodyLimit:
    """ASGI middleware that reads no more of a body than the limit: who asks for more meets a 413.

    It counts what comes: what the sender says of the length need not be true.
    """

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BYTES) -> None:
        self.app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                # Of the kind that an app turns into its own form of answer, wherever it reads.
                raise HTTPException(413, f"A request may have {self._max_bytes:,} bytes.")
            return message

        await self.app(scope, counted, send)
