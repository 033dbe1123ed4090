"""Password hashing: Argon2id with the parameters of RFC 9106 for little memory."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from services.kit.problems import Problem

T = TypeVar("T")

# Each hash takes 64 MiB and some 50 ms of CPU: two at a time are enough to fill two cores.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
MOST_AT_ONCE = 16
"""At work or waiting, for a second or so: more would wait until nobody waits for them."""


class Passwords:
    """Hashes and verifies passwords, outside of the event loop.

    Raises:
        Problem: 503, by either, when there is too much to do already.
    """

    def __init__(self) -> None:
        self._at_work = 0
        self._hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._nobody = self._hasher.hash(secrets.token_urlsafe())
        """Hash of a password that nobody has."""

    async def hash(self, password: str) -> str:
        """A salted hash to store."""
        return await self._in_thread(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is the one that was hashed.

        With no stored hash the answer is no, after the same work: the time that a sign-in takes
        does not tell whether the account exists.
        """
        try:
            await self._in_thread(self._hasher.verify, stored or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(stored)

    async def _in_thread(self, function: Callable[..., T], *arguments: str) -> T:
        if self._at_work >= MOST_AT_ONCE:
            detail = "Too many people are signing in or up just now: try again."
            raise Problem(503, "Too busy", detail, headers={"Retry-After": "1"})
        work = asyncio.get_running_loop().run_in_executor(_threads, function, *arguments)
        self._at_work += 1
        work.add_done_callback(self._finished)
        return await asyncio.shield(work)  # it is done all the same if who asked gives up

    def _finished(self, _work: object) -> None:
        self._at_work -= 1
