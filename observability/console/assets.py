"""What pages are made of is served past the instrumentation.

A page asks for a script, a style and a dozen parts, and for those again every few seconds: their
spans and log lines would say nothing about the console, and bury what the shop says.
"""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from observability.console.parts import PARAMETER

_A_PART = re.compile(rf"(?:^|&){PARAMETER}=".encode())


class Assets:
    """Passes static files and parts of pages on to whom they belong, the rest to the console.

    Args:
        app: the console.
        parts: the same pages without instrumentation.
        static: serves what is below `/static`.
    """

    def __init__(self, app: ASGIApp, parts: ASGIApp, static: ASGIApp) -> None:
        self.app = app
        self._parts = parts
        self._static = static

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path: str = scope.get("path", "")
        if scope["type"] == "http" and path.startswith("/static/"):
            within = {**scope, "root_path": scope.get("root_path", "") + "/static"}
            await self._static(within, receive, send)
        elif scope["type"] == "http" and _A_PART.search(scope.get("query_string", b"")):
            await self._parts(scope, receive, send)
        else:
            await self.app(scope, receive, send)
