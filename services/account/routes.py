"""The account service's HTTP API."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy import select, update

from observability import audit, counter, get_logger
from services.account.model import Account
from services.account.passwords import Passwords
from services.account.sessions import Sessions, end_others
from services.account.settings import Settings
from services.account.throttle import Throttle
from services.kit.auditing import Source
from services.kit.auth import SCHEME, CurrentUser, Role, TokenKey, User, unauthorized
from services.kit.database import Database
from services.kit.problems import Problem

REFUSALS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "refused",
    HTTPStatus.TOO_MANY_REQUESTS: "throttled",
}
FAILED = "failed"
SIGN_INS = counter(
    "shop_sign_ins_total",
    "Attempts to sign in.",
    ["outcome"],
    shown=["ok", FAILED, *REFUSALS.values()],
)
NOBODY = "unknown account"
log = get_logger(__name__)
router = APIRouter()

Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        to_lower=True,
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+\.[^@\s\x00-\x1f]+$",
    ),
]
Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
]
Password = Annotated[str, Field(min_length=8, max_length=128)]


class SignUp(BaseModel):
    """A new account."""

    email: Email
    name: Name
    password: Password


class SignIn(BaseModel):
    """Who someone says to be."""

    email: Email
    password: Annotated[str, Field(max_length=128)]


class PasswordChange(BaseModel):
    """A new password, and the present one as proof."""

    current_password: Annotated[str, Field(max_length=128)]
    new_password: Password


class AccountOut(BaseModel):
    """An account as others see it."""

    id: str
    email: str
    name: str


class SessionOut(BaseModel):
    """A sign-in: the token to send as `Authorization: Bearer`."""

    token: str
    token_type: str = SCHEME
    expires_at: datetime
    account: AccountOut


class Parts:
    """What the routes work with, on `app.state.parts`."""

    def __init__(self, db: Database, key: TokenKey, settings: Settings) -> None:
        self.db = db
        self.passwords = Passwords()
        self.throttle = Throttle()
        self.sessions = Sessions(db, key, timedelta(seconds=settings.token_ttl_seconds))


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


Use = Annotated[Parts, Depends(_parts)]


@router.post("/accounts", status_code=201)
async def sign_up(new: SignUp, parts: Use, source: Source) -> AccountOut:
    """Make an account; 409 if the e-mail address has one."""
    account_id = await create(parts, new, role="customer")
    if account_id is None:
        audit("sign_up", actor="anonymous", target="account", outcome="failure", source=source)
        raise Problem(409, "E-mail address taken", "There is an account with this address.")
    log.info("account_created", account_id=account_id)
    audit("sign_up", actor=account_id, target=f"account {account_id}", source=source)
    return AccountOut(id=account_id, email=new.email, name=new.name)


@router.post("/sessions", status_code=201)
async def sign_in(who: SignIn, parts: Use, source: Source) -> SessionOut:
    """Sign in; 401 if there is no such account or the password is another, 429 after too many."""
    async with parts.db.read() as session:
        account = await session.scalar(select(Account).where(Account.email == who.email))
    stored = account.password_hash if account else None
    with _counted(account, source):
        right = await _is_right(parts, (source, who.email), stored, who.password)
        if account is None or not right:
            raise unauthorized("No account has this e-mail address and this password.")
        await _renew_hash(parts, account, who.password)
        token, expires_at = await parts.sessions.open(account)
    SIGN_INS.labels("ok").inc()
    log.info("signed_in", account_id=account.id)
    audit("sign_in", actor=account.id, target=f"account {account.id}", source=source)
    return SessionOut(token=token, expires_at=expires_at, account=_out(account))


@contextmanager
def _counted(account: Account | None, source: str) -> Iterator[None]:
    """Count and record a sign-in that is refused."""
    try:
        yield
    except Problem as problem:
        SIGN_INS.labels(REFUSALS.get(problem.status, FAILED)).inc()
        account_id = account.id if account else None
        log.warning("sign_in_refused", account_id=account_id, why=problem.title)
        who = {"actor": "anonymous", "target": f"account {account_id}" if account else NOBODY}
        audit("sign_in", **who, outcome=_outcome(problem), source=source, reason=problem.title)
        raise


def _outcome(problem: Problem) -> str:
    return "denied" if problem.status in REFUSALS else "failure"


async def _is_right(parts: Parts, key: tuple[str, str], stored: str | None, password: str) -> bool:
    """Whether a password is that of the account.

    Raises:
        Problem: 429 after too many wrong ones; 503 there is too much to do.
    """
    parts.throttle.check(key)
    right = await parts.passwords.verify(stored, password)
    (parts.throttle.right if right else parts.throttle.wrong)(key)
    return right


@router.get("/sessions/current", status_code=204)
async def check_session(user: CurrentUser, parts: Use) -> None:
    """Whether the token may still be used: 401 if its sign-in has been ended."""
    await parts.sessions.check(user)


@router.delete("/sessions/current", status_code=204)
async def sign_out(user: CurrentUser, parts: Use, source: Source) -> None:
    """End the sign-in of this token; others of the same account go on."""
    await parts.sessions.end(user)
    log.info("signed_out", account_id=user.id)
    audit("sign_out", actor=user.id, target=f"account {user.id}", source=source)


@router.get("/accounts/me")
async def me(user: CurrentUser, parts: Use) -> AccountOut:
    """The account of whoever asks."""
    return _out(await _own(parts, user))


@router.put("/accounts/me/password", status_code=204)
async def change_password(
    change: PasswordChange, user: CurrentUser, parts: Use, source: Source
) -> None:
    """Set a new password, ending all other sign-ins; 401 if the present one is another."""
    account = await _own(parts, user)
    key, stored = (source, account.email), account.password_hash
    try:
        if not await _is_right(parts, key, stored, change.current_password):
            raise unauthorized("The current password is another.")
        await _store_hash(parts, account, change.new_password, ending=user)
    except Problem as problem:
        log.warning("password_change_refused", account_id=user.id, why=problem.title)
        _audit_password(user, source, _outcome(problem))
        raise
    log.info("password_changed", account_id=user.id)
    _audit_password(user, source, "success")


def _audit_password(user: User, source: str, outcome: str) -> None:
    target = f"account {user.id}"
    audit("password_change", actor=user.id, target=target, outcome=outcome, source=source)


async def create(parts: Parts, new: SignUp, role: Role) -> str | None:
    """Store an account; returns its id, or None if the e-mail address is taken."""
    account_id = uuid4().hex
    values = {
        "id": account_id,
        "email": new.email,
        "name": new.name,
        "password_hash": await parts.passwords.hash(new.password),
        "role": role,
    }
    statement = (
        parts.db.insert(Account).values(**values).on_conflict_do_nothing(index_elements=["email"])
    )
    async with parts.db.session() as session:
        result = await session.execute(statement.returning(Account.id))
        return result.scalar()


async def _own(parts: Parts, user: User) -> Account:
    """The account that the token speaks of; 401 when it is gone, or signed out."""
    await parts.sessions.check(user)
    async with parts.db.read() as session:
        account = await session.get(Account, user.id)
    if account is None:
        raise unauthorized("The account no longer exists.")
    return account


async def _renew_hash(parts: Parts, account: Account, password: str) -> None:
    """Hash again with today's parameters: only at a sign-in is the password at hand."""
    if parts.passwords.outdated(account.password_hash):
        await _store_hash(parts, account, password)


async def _store_hash(
    parts: Parts, account: Account, password: str, ending: User | None = None
) -> None:
    """Replace the hash that was verified; 409 if another request replaced it meanwhile.

    Args:
        parts: what the routes work with.
        account: whose hash.
        password: of which a hash is to be stored.
        ending: whose other sign-ins are to end with it.
    """
    new_hash = await parts.passwords.hash(password)
    statement = (
        update(Account)
        .where(Account.id == account.id, Account.password_hash == account.password_hash)
        .values(password_hash=new_hash)
        .returning(Account.id)
    )
    async with parts.db.session() as session:
        if (await session.execute(statement)).scalar() is None:
            raise Problem(409, "Password changed meanwhile", "Another request changed it.")
        if ending is not None:
            await end_others(session, ending)
    account.password_hash = new_hash


def _out(account: Account) -> AccountOut:
    return AccountOut(id=account.id, email=account.email, name=account.name)
