"""Password hashing: Argon2id with the parameters of RFC 9106 for little memory."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

T = TypeVar("T")

# Each hash takes 64 MiB and some 50 ms of CPU: two at a time are enough to fill two cores.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")


class Passwords:
    """Hashes and verifies passwords, outside of the event loop."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._nobody = self._hasher.hash(secrets.token_urlsafe())
        """Hash of a password that nobody has."""

    async def hash(self, password: str) -> str:
        """A salted hash to store."""
        return await _in_thread(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is the one that was hashed.

        With no stored hash the answer is no, after the same work: the time that a sign-in takes
        does not tell whether the account exists.
        """
        try:
            await _in_thread(self._hasher.verify, stored or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(stored)


async def _in_thread(function: Callable[..., T], *arguments: str) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads, function, *arguments)
