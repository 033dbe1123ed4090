"""Who is signed in on the pages: a cookie with the token, and forms that only our pages can send.

The token's cookie is out of reach of scripts and is not sent along with another site's forms
(SameSite=Lax). On top, every form carries a signed token bound to a second cookie and to the user
(double submit), so that another site can neither act for a user nor sign one in as somebody else.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.datastructures import FormData

from services.gateway.models import Session
from services.gateway.settings import GatewaySettings
from services.gateway.shop import shop_of
from services.kit.auth import TokenKey, User
from services.kit.problems import Problem

SESSION_COOKIE = "shop_session"
FORM_COOKIE = "shop_form"
FORM_LIFETIME_SECONDS = 12 * 3600
MAX_FORM_BYTES = 64 * 1024


class SignInNeededError(Exception):
    """A page that only a signed-in user can see."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page.

    Attributes:
        user: Who is signed in, or None.
        nonce: The browser's half of what makes a form ours.
        known: Whether the browser has that half already.
    """

    user: User | None
    nonce: str
    known: bool


class Forms:
    """Makes and checks the tokens of forms.

    Args:
        key: What the key that signs them is derived from: all replicas have the same.
    """

    def __init__(self, key: TokenKey) -> None:
        self._serializer = URLSafeTimedSerializer(key.derived("forms"), salt="gateway-form")

    def token(self, visitor: Visitor) -> str:
        """Return a token for a form shown to this visitor."""
        return str(self._serializer.dumps(self._bound_to(visitor)))

    def check(self, visitor: Visitor, token: str) -> None:
        """Check that a form was shown to this visitor.

        Raises:
            Problem: 403, it was not, or too long ago.
        """
        try:
            bound_to = self._serializer.loads(token, max_age=FORM_LIFETIME_SECONDS)
        except BadSignature:
            bound_to = None
        if not visitor.known or bound_to != self._bound_to(visitor):
            detail = "It was not sent from a page opened in this browser lately."
            raise Problem(403, "Form not accepted", detail)

    @staticmethod
    def _bound_to(visitor: Visitor) -> list[str]:
        return [visitor.nonce, visitor.user.id if visitor.user else ""]


async def current_visitor(request: Request) -> Visitor:
    """Return who looks at the page; a session that has ended is nobody's."""
    visitor = visitor_of(request)
    if visitor.user is not None and not await shop_of(request).sessions.has(visitor.user):
        visitor = replace(visitor, user=None)
    request.state.visitor = visitor
    return visitor


def visitor_of(request: Request) -> Visitor:
    """Return who looks at the page, as far as its cookies tell.

    An expired or forged session is nobody's; one that has been ended is found out by
    `current_visitor`, and known here from then on.
    """
    found: Visitor | None = getattr(request.state, "visitor", None)
    if found is not None:
        return found
    nonce = request.cookies.get(FORM_COOKIE, "")
    known = len(nonce) >= 32  # hex digits of 16 bytes
    user = _user_of(request)
    return Visitor(user, nonce if known else secrets.token_hex(16), known)


def _user_of(request: Request) -> User | None:
    token = request.cookies.get(SESSION_COOKIE)
    if not token:
        return None
    key: TokenKey = request.app.state.token_key
    try:
        return key.verify(token)
    except Problem:
        return None


CurrentVisitor = Annotated[Visitor, Depends(current_visitor)]
"""Parameter type of a page."""


def signed_in(visitor: CurrentVisitor) -> User:
    """Return the signed-in user.

    Raises:
        SignInNeededError: There is none.
    """
    if visitor.user is None:
        raise SignInNeededError
    return visitor.user


SignedIn = Annotated[User, Depends(signed_in)]
"""Parameter type of a page that needs a signed-in user."""


async def own_form(request: Request, visitor: CurrentVisitor) -> FormData:
    """Return the fields of a form that was shown to this visitor.

    Raises:
        Problem: 403, it was not; 413, it is too long.
    """
    if int(request.headers.get("content-length") or 0) > MAX_FORM_BYTES:
        raise Problem(413, "Form too long")
    form = await request.form(max_files=0, max_fields=50)
    forms: Forms = request.app.state.forms
    forms.check(visitor, str(form.get("csrf_token", "")))
    return form


OwnForm = Annotated[FormData, Depends(own_form)]
"""Parameter type of a page that takes a form."""


def remember(request: Request, response: Response, session: Session) -> None:
    """Sign the browser in, with a new half of what makes forms ours."""
    lifetime = session.expires_at - datetime.now(UTC)
    _set_cookie(request, response, SESSION_COOKIE, session.token, int(lifetime.total_seconds()))
    remember_nonce(request, response, secrets.token_hex(16))


def forget(request: Request, response: Response) -> None:
    """Sign the browser out."""
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax", secure=_secure(request))


def remember_nonce(request: Request, response: Response, nonce: str) -> None:
    """Give the browser its half of what makes forms ours, until it is closed."""
    _set_cookie(request, response, FORM_COOKIE, nonce, None)


def _set_cookie(
    request: Request, response: Response, name: str, value: str, max_age: int | None
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        httponly=True,
        samesite="lax",
        secure=_secure(request),
    )


def _secure(request: Request) -> bool:
    """Whether browsers are to send cookies by HTTPS alone."""
    settings: GatewaySettings = request.app.state.settings
    return settings.secure_cookies == "always" or request.url.scheme == "https"
