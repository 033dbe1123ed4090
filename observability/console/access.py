"""Who may use the controls: whoever knows the console's token, by a signed session.

Being on the same machine is not enough. A session's cookie goes to this site alone
(SameSite=Strict), and each form carries a token of that session besides.
"""

import secrets
from pathlib import Path

from fastapi import Request, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer

from observability.settings import Settings
from observability.stack.secrets import generate

SECRET = "console_token"  # noqa: S105 - the name of its file
COOKIE = "belfry_console"
SESSION_SECONDS = 12 * 3600


class Access:
    """Sessions of one console; a new token in the file ends them all."""

    def __init__(self, settings: Settings) -> None:
        generate(settings.secrets_dir, [SECRET])
        self._file: Path = settings.secrets_dir / SECRET
        self._said: dict[str, str] = {}

    @property
    def where(self) -> str:
        """The file that holds the token."""
        return str(self._file)

    def opens(self, token: str) -> bool:
        """Whether this is the token."""
        return secrets.compare_digest(token.strip().encode(), self._token().encode())

    def begin(self, response: Response) -> None:
        """Sign the browser in."""
        session = self._signer("session").dumps(secrets.token_hex(16))
        response.set_cookie(
            COOKIE, session, max_age=SESSION_SECONDS, httponly=True, samesite="strict", path="/"
        )

    def end(self, response: Response) -> None:
        """Sign the browser out."""
        response.delete_cookie(COOKIE, path="/")

    def session(self, request: Request) -> str | None:
        """The session that the request belongs to, if it is signed in."""
        return self._read("session", request.cookies.get(COOKIE, ""))

    def form_token(self, session: str) -> str:
        """What a form of this session must carry."""
        return self._signer("form").dumps(session)

    def allows(self, request: Request, form_token: str) -> str | None:
        """The session, if the request comes from a form that was given to it."""
        session = self.session(request)
        if session is None or self._read("form", form_token) != session:
            return None
        return session

    def say(self, session: str, message: str) -> None:
        """Keep a sentence for the next page of the session."""
        if len(self._said) > 100:
            self._said.clear()
        self._said[session] = message

    def said(self, session: str) -> str:
        """That sentence, once."""
        return self._said.pop(session, "")

    def _token(self) -> str:
        return self._file.read_text(encoding="ascii").strip()

    def _signer(self, purpose: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._token(), salt=f"belfry console {purpose}")

    def _read(self, purpose: str, signed: str) -> str | None:
        try:
            value: object = self._signer(purpose).loads(signed, max_age=SESSION_SECONDS)
        except BadSignature:
            return None
        return value if isinstance(value, str) else None
