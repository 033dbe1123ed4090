"""Whether people who show a token are still signed in: that may have been ended meanwhile."""

import asyncio
from http import HTTPStatus

from services.kit.auth import User
from services.kit.cache import Cache, SharedCache
from services.kit.client import ServiceClient
from services.kit.problems import Problem

FRESH_SECONDS = 10.0
STALE_SECONDS = 20.0
PATIENCE_SECONDS = 0.5
"""How long a request waits to be told; the next one finds the answer that came too late."""


class OpenSessions:
    """Asks the account service, not more often than every few seconds for a session.

    A session that was ended through another replica of the gateway is refused here after at most
    `FRESH_SECONDS + STALE_SECONDS`. While the account service does not answer, tokens are good
    until they expire: shopping goes on without it.

    Args:
        account: The account service.
        shared: Where replicas of the gateway share what they were told, if anywhere.
    """

    def __init__(self, account: ServiceClient, shared: SharedCache | None = None) -> None:
        self._account = account
        self._cache: Cache[bool] = Cache(
            "gateway_sessions", ttl=FRESH_SECONDS, stale=STALE_SECONDS, shared=shared
        )

    async def has(self, user: User) -> bool:
        """Whether the session of the user's token is open."""
        if not user.session:
            return True
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._cache.get(user.session, lambda: self._ask(user))
        except (TimeoutError, Problem):
            return True

    async def _ask(self, user: User) -> bool:
        try:
            await self._account.get("/sessions/current", token=user.token)
        except Problem as problem:
            if problem.status == HTTPStatus.UNAUTHORIZED:
                return False
            raise
        return True

    async def end(self, user: User) -> None:
        """End the session of the user's token.

        Raises:
            Problem: The account service does not answer.
        """
        try:
            await self._account.delete("/sessions/current", token=user.token)
        finally:
            await self.forget()

    async def forget(self) -> None:
        """Ask anew, now that sessions have been ended."""
        await self._cache.invalidate()
