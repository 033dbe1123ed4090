"""Tokens that say who asks, verified by every service on its own.

A person's is issued by the account service at sign-in: `CurrentUser`. A service's own is what
`ServiceClient` sends with each call that is made on no person's behalf: `ServiceUser`. A route that
only services may call takes the parameter

    async def reserve(new: NewReservation, caller: ServiceUser) -> …

and in a test gets `TokenKey(key).issue(service_user("checkout"), lifetime)` as its Bearer token.
"""

import hmac
import os
import secrets
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, get_args

import jwt
from fastapi import Depends, Request

from services.kit.problems import Problem
from services.kit.settings import SettingsError, ShopSettings

ALGORITHM = "HS256"
ISSUER = "shop"
SCHEME = "Bearer"
MIN_KEY_BYTES = 32
Role = Literal["customer", "admin", "service"]
SERVICE_LIFETIME = timedelta(minutes=5)
"""How long a service's own token is good; a new one is made when half of that is over."""


@dataclass(frozen=True, slots=True)
class User:
    """Who asks: a person who is signed in, or a service.

    `token` is what to send on to the next service.
    """

    id: str
    email: str
    name: str
    role: Role = "customer"
    token: str = field(default="", repr=False)
    session: str = ""
    """Id of the sign-in that the token is of, which can be ended; empty where there is none."""


class TokenKey:
    """The key that all services share to sign and verify tokens.

    Args:
        secret: at least 32 bytes of text.

    Raises:
        SettingsError: the secret is too short to be safe.
    """

    def __init__(self, secret: str) -> None:
        if len(secret.encode()) < MIN_KEY_BYTES:
            raise SettingsError(f"SHOP_TOKEN_KEY: needs at least {MIN_KEY_BYTES} bytes")
        self._secret = secret

    @classmethod
    def of(cls, settings: ShopSettings) -> "TokenKey":
        """The key that the settings give, else the one generated at the first start."""
        if settings.token_key is not None:
            return cls(settings.token_key.get_secret_value())
        path = settings.data_dir.parent / "secrets" / "token_key"
        try:
            return cls(_read_or_create(path))
        except OSError as error:
            raise SettingsError(
                f"SHOP_TOKEN_KEY_FILE: cannot keep a key in {path}: {error.strerror}"
            ) from error

    def issue(self, user: User, lifetime: timedelta) -> tuple[str, datetime]:
        """Sign a token for the user; returns it and when it expires."""
        now = datetime.now(UTC).replace(microsecond=0)
        expires = now + lifetime
        claims = {
            "iss": ISSUER,
            "sub": user.id,
            "email": user.email,
            "name": user.name,
            "role": user.role,
            "sid": user.session,
            "iat": now,
            "exp": expires,
        }
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM), expires

    def derived(self, purpose: str) -> str:
        """A key for another purpose, from which this one cannot be told."""
        return hmac.new(self._secret.encode(), purpose.encode(), "sha256").hexdigest()

    def verify(self, token: str) -> User:
        """The user that the token speaks of.

        Raises:
            Problem: 401, the token is expired, forged or malformed.
        """
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                # `iat` is not checked: two machines' clocks are never quite the same.
                options={
                    "require": ["sub", "email", "name", "role", "exp"],
                    "verify_iat": False,
                },
            )
        except jwt.ExpiredSignatureError as error:
            raise unauthorized("The token has expired: sign in again.") from error
        except jwt.InvalidTokenError as error:
            raise unauthorized("The token is not valid: sign in again.") from error
        role: Role = claims["role"] if claims["role"] in get_args(Role) else "customer"
        who = str(claims["email"]), str(claims["name"])
        return User(claims["sub"], *who, role, token, str(claims.get("sid", "")))


def unauthorized(detail: str) -> Problem:
    """The 401 that asks for a Bearer token."""
    return Problem(401, "Not signed in", detail, headers={"WWW-Authenticate": SCHEME})


def service_user(name: str) -> User:
    """A service as the one who asks."""
    return User(id=name, email="", name=name, role="service")


class ServiceIdentity:
    """By what a service shows others that it is one of the shop's.

    Args:
        settings: the service's; they name it and its key, which is read at the first use.
    """

    def __init__(self, settings: ShopSettings) -> None:
        self._settings = settings
        self._token = ""
        self._renew_at = datetime.min.replace(tzinfo=UTC)

    def token(self) -> str:
        """A token that is good for some minutes at least."""
        now = datetime.now(UTC)
        if now >= self._renew_at:
            key, caller = TokenKey.of(self._settings), service_user(self._settings.service)
            self._token, expires = key.issue(caller, SERVICE_LIFETIME)
            self._renew_at = expires - SERVICE_LIFETIME / 2
        return self._token


def _caller(request: Request) -> User:
    """Who sent the request, person or service, verified with the app's key."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != SCHEME.lower() or not token:
        raise unauthorized("Send `Authorization: Bearer <token>`.")
    key: TokenKey = request.app.state.token_key
    return key.verify(token.strip())


def current_user(request: Request) -> User:
    """The signed-in person of the request.

    Raises:
        Problem: 401, no valid token; 403, the token is a service's.
    """
    user = _caller(request)
    if user.role == "service":
        raise Problem(403, "Not allowed", "This needs a person who is signed in.")
    return user


CurrentUser = Annotated[User, Depends(current_user)]
"""Parameter type of a route that needs a signed-in user."""


def require_admin(user: User) -> None:
    """Let an admin pass.

    Raises:
        Problem: 403, the user is none.
    """
    if user.role != "admin":
        raise Problem(403, "Not allowed", "This needs the role admin.")


def require_service(request: Request) -> User:
    """The service of the shop that sent the request.

    Raises:
        Problem: 401, no valid token; 403, the token is a person's.
    """
    user = _caller(request)
    if user.role != "service":
        raise Problem(403, "Not allowed", "Only services of the shop may ask for this.")
    return user


ServiceUser = Annotated[User, Depends(require_service)]
"""Parameter type of a route that only services of the shop may call."""


def _read_or_create(path: Path) -> str:
    """The secret in the file; several services may start at once, all get the same one."""
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent)  # mode 0600
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))
    try:
        os.link(temporary, path)  # fails if another was first: theirs is the key then
    except FileExistsError:
        pass
    finally:
        Path(temporary).unlink()
    return path.read_text(encoding="ascii").strip()
