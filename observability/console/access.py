"""Who may change something: whoever knows the console's token, by a signed session.

Each says who they are as they sign in: the audit trail and the timelines of alerts name them. Being
on the same machine is not enough. A session's cookie goes to this site alone
(SameSite=Strict), and each form carries a token of that session besides.
"""

import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from fastapi import Request, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer

from observability.settings import Settings
from observability.stack.secrets import generate

SECRET = "console_token"  # noqa: S105 - the name of its file
COOKIE = "belfry_console"
SESSION_SECONDS = 12 * 3600
LONGEST_NAME = 60


@dataclass(frozen=True)
class Session:
    """One sign-in: its id, and who the person said they are."""

    id: str
    person: str


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

    def begin(self, response: Response, person: str) -> None:
        """Sign the browser of a person in."""
        session = Session(secrets.token_hex(16), person)
        signed = self._signer("session").dumps(asdict(session))
        response.set_cookie(
            COOKIE, signed, max_age=SESSION_SECONDS, httponly=True, samesite="strict", path="/"
        )

    def end(self, response: Response) -> None:
        """Sign the browser out."""
        response.delete_cookie(COOKIE, path="/")

    def session(self, request: Request) -> Session | None:
        """The session that the request belongs to, if it is signed in."""
        found = self._read("session", request.cookies.get(COOKIE, ""))
        return Session(**found) if isinstance(found, dict) else None

    def form_token(self, session: Session) -> str:
        """What a form of this session must carry."""
        return self._signer("form").dumps(session.id)

    def allows(self, request: Request, form_token: str) -> Session | None:
        """The session, if the request comes from a form that was given to it."""
        session = self.session(request)
        if session is None or self._read("form", form_token) != session.id:
            return None
        return session

    def say(self, session: Session, message: str) -> None:
        """Keep a sentence for the next page of the session."""
        if len(self._said) > 100:
            self._said.clear()
        self._said[session.id] = message

    def said(self, session: Session) -> str:
        """That sentence, once."""
        return self._said.pop(session.id, "")

    def _token(self) -> str:
        return self._file.read_text(encoding="ascii").strip()

    def _signer(self, purpose: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._token(), salt=f"belfry console {purpose}")

    def _read(self, purpose: str, signed: str) -> object:
        try:
            return self._signer(purpose).loads(signed, max_age=SESSION_SECONDS)
        except BadSignature:
            return None


def name_of(text: str) -> str:
    """Who somebody says they are, on one line; empty if that says nothing."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:LONGEST_NAME]
