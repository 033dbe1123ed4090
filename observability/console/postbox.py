"""A catch-all for mail: takes whatever is sent to it, delivers nothing, and shows it.

For looking at what the console sends before a mail server is set. It keeps the newest mails in
memory, up to a bound, and forgets them when it stops.
"""

from __future__ import annotations

import asyncio
import email
import os
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import HTMLResponse, PlainTextResponse

from observability.console.hosts import KnownHosts
from observability.console.markup import Markup, element, link, table
from observability.settings import HOST, Settings, load_settings

LISTEN_VARIABLE = "POSTBOX_LISTEN_HOST"
_MOST_MAILS = 200
_MOST_BYTES = 32 * 2**20
_LARGEST = 4 * 2**20

_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'"
#: What a mail may do in its frame: be looked at.
_MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .8rem .3rem 0}"
    "iframe{width:100%;height:40rem;border:1px solid #999}pre{white-space:pre-wrap}"
    ".unseen{position:absolute;clip-path:inset(50%)}"
)


@dataclass(frozen=True)
class Mail:
    """One mail as it was received."""

    number: int
    received_at: datetime
    to: list[str]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """Its parts."""
        found = email.message_from_bytes(self.content, policy=default)
        assert isinstance(found, EmailMessage)  # noqa: S101 - the default policy makes no other
        return found

    def part(self, kind: str) -> str:
        """Its text as `plain` or `html`; empty if it has none."""
        body = self.message.get_body((kind,))
        try:
            return str(body.get_content()) if body is not None else ""
        except (LookupError, UnicodeError, ValueError):
            return "It cannot be read: see the source."


class Postbox:
    """Takes every mail; the oldest make room for the newest."""

    def __init__(self) -> None:
        self._mails: OrderedDict[int, Mail] = OrderedDict()
        self._bytes = 0
        self._taken = 0

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep it, whoever it is for."""
        content = envelope.content
        given = content if isinstance(content, bytes) else str(content or "").encode()
        self._taken += 1
        mail = Mail(self._taken, datetime.now(UTC), list(envelope.rcpt_tos), given)
        self._mails[mail.number] = mail
        self._bytes += len(given)
        while len(self._mails) > _MOST_MAILS or self._bytes > _MOST_BYTES:
            _, oldest = self._mails.popitem(last=False)
            self._bytes -= len(oldest.content)
        return "250 taken, and delivered to nobody"

    def newest_first(self) -> list[Mail]:
        """All that are kept."""
        return list(reversed(self._mails.values()))

    def one(self, number: int) -> Mail:
        """One of them.

        Raises:
            HTTPException: 404, it is not kept.
        """
        if number not in self._mails:
            raise HTTPException(404, f"no mail {number}")
        return self._mails[number]


@asynccontextmanager
async def taking(postbox: Postbox, host: str, port: int) -> AsyncIterator[None]:
    """Take mail by SMTP while entered."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(postbox, data_size_limit=_LARGEST, enable_SMTPUTF8=True, loop=loop),
        host,
        port,
    )
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()


def create_app(settings: Settings, listen: str) -> FastAPI:
    """The pages, and while they are served, the SMTP server on `listen`."""
    postbox = Postbox()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with taking(postbox, listen, settings.port("mail_smtp")):
            yield

    app = FastAPI(title="Mail", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/readyz")
    async def ready() -> dict[str, int]:
        return {"mails": len(postbox.newest_first())}

    @app.get("/")
    async def listed() -> Response:
        return _page("Mail", _table(postbox.newest_first()))

    @app.get("/mails/{number}")
    async def shown(number: int) -> Response:
        return _page("Mail", _shown(postbox.one(number)))

    @app.get("/mails/{number}/html")
    async def as_html(number: int) -> Response:
        policy = {"Content-Security-Policy": _MAIL_POLICY}
        return HTMLResponse(postbox.one(number).part("html"), headers=policy)

    @app.get("/mails/{number}/source")
    async def source(number: int) -> Response:
        return PlainTextResponse(postbox.one(number).content)

    return app


def _table(mails: list[Mail]) -> Markup:
    if not mails:
        return element("p", "No mail yet. What is sent to the SMTP port of this service is shown.")
    rows = [
        [
            f"{one.received_at:%Y-%m-%d %H:%M:%S} UTC",
            ", ".join(one.to),
            link(one.message["Subject"] or "(no subject)", f"/mails/{one.number}"),
        ]
        for one in mails
    ]
    return table(["Received", "To", "Subject"], rows, "Mails received")


def _shown(one: Mail) -> Markup:
    message = one.message
    heads = [[name, message[name] or ""] for name in ("From", "To", "Date", "Subject")]
    frame = element("iframe", src=f"/mails/{one.number}/html", sandbox="", title="The mail")
    return Markup("").join(
        [
            element("p", link("All mails", "/"), " · ", link("Source", f"{one.number}/source")),
            table(["Header", "Value"], heads, "Headers"),
            frame if one.part("html") else "",
            element("h2", "As text"),
            element("pre", one.part("plain")),
        ]
    )


def _page(title: str, body: Markup) -> Response:
    head = element("head", element("title", title), element("style", Markup(_STYLE)))
    page = element("html", head, element("body", element("h1", title), body), lang="en")
    headers = {"Content-Security-Policy": _PAGE_POLICY, "X-Content-Type-Options": "nosniff"}
    return HTMLResponse(f"<!DOCTYPE html>{page}", headers=headers)


_SETTINGS = load_settings()
app = KnownHosts(
    create_app(_SETTINGS, os.environ.get(LISTEN_VARIABLE) or HOST), [_SETTINGS.public_url("mail")]
)
