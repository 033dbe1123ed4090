"""What pages are made of is served past the instrumentation.

A page asks for a dozen scripts and styles: their spans and log lines would say nothing about the
console, and bury what the shop says.
"""

from nicegui import app as pages
from starlette.types import ASGIApp, Receive, Scope, Send


class Assets:
    """Answers for static files itself and passes everything else on.

    Args:
        app: the console.
        static: serves what is below `/static`.
    """

    def __init__(self, app: ASGIApp, static: ASGIApp) -> None:
        self.app = app
        self._static = static

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path: str = scope.get("path", "")
        if scope["type"] == "http" and path.startswith("/static/"):
            within = {**scope, "root_path": scope.get("root_path", "") + "/static"}
            await self._static(within, receive, send)
        elif scope["type"] == "http" and path.startswith("/_nicegui/"):
            await pages(scope, receive, send)
        else:
            await self.app(scope, receive, send)
