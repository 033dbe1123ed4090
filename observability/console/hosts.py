"""Refuses requests by a name that is not the console's: a page elsewhere could make one up.

A browser takes `http://evil.example` for one site whatever address that name has now, so a page of
it could read the console if its name came to mean this machine. No such name is ours.
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class KnownHosts:
    """Serves what is asked of an address, of a name without a dot, or of one in `urls`."""

    def __init__(self, app: ASGIApp, urls: Iterable[str]) -> None:
        self._app = app
        self._names = {"localhost", *(_name(urlsplit(url).netloc) for url in urls)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] in {"http", "websocket"}:
            host = Headers(scope=scope).get("host", "")
            if not self._known(_name(host)):
                refusal = PlainTextResponse(
                    "Not a name of the console: set BELFRY_PUBLIC_URL_CONSOLE to its address.\n",
                    status_code=421,
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _known(self, name: str) -> bool:
        if name in self._names or "." not in name.rstrip("."):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _name(host: str) -> str:
    """Without a port, and without the brackets of an IPv6 address."""
    name = host.rpartition("@")[2].lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0]
