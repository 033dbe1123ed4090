"""Sign-ins: each has a token, and can be ended before the token expires.

Every service verifies tokens on its own and would take one until it expires. Those that let people
in, the gateway and this service, also ask whether the sign-in has been ended.
"""

from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.account.model import Account, Session
from services.kit.auth import Role, TokenKey, User, unauthorized
from services.kit.database import Database, utc_now


class Sessions:
    """All sign-ins.

    Args:
        db: the account service's database.
        key: signs the tokens.
        lifetime: how long a sign-in lasts if nobody ends it.
    """

    def __init__(self, db: Database, key: TokenKey, lifetime: timedelta) -> None:
        self._db = db
        self._key = key
        self._lifetime = lifetime

    async def open(self, account: Account) -> tuple[str, datetime]:
        """Sign somebody in; returns the token and when it expires.

        Raises:
            Problem: 401, the password is no longer the one that was verified.
        """
        session_id = uuid4().hex
        role: Role = "admin" if account.role == "admin" else "customer"
        user = User(account.id, account.email, account.name, role, session=session_id)
        token, expires_at = self._key.issue(user, self._lifetime)
        async with self._db.session() as session:
            # Waits for a change of the password, which ends the sessions that there are by then.
            now = select(Account.password_hash).where(Account.id == account.id).with_for_update()
            if await session.scalar(now) != account.password_hash:
                raise unauthorized("The password was changed meanwhile: sign in again.")
            await session.execute(delete(Session).where(Session.expires_at < utc_now()))
            session.add(Session(id=session_id, account_id=account.id, expires_at=expires_at))
        return token, expires_at

    async def check(self, user: User) -> None:
        """Accept a token whose sign-in has not been ended.

        Raises:
            Problem: 401, it has.
        """
        if not user.session:  # a service made it on the user's behalf
            return
        async with self._db.read() as session:
            found = await session.scalar(select(Session.id).where(Session.id == user.session))
        if found is None:
            raise unauthorized("The session has been ended: sign in again.")

    async def end(self, user: User) -> None:
        """Sign the user out where this token is used; elsewhere they stay signed in."""
        async with self._db.session() as session:
            await session.execute(delete(Session).where(Session.id == user.session))


async def end_others(session: AsyncSession, user: User) -> None:
    """Sign the user out everywhere but where this token is used."""
    others = (Session.account_id == user.id, Session.id != user.session)
    await session.execute(delete(Session).where(*others))
