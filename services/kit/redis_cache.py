"""The shared level of the caches in Redis: a help when it works, never a harm when it does not.

Each operation has a budget of 50 ms, and as much to wait for one of a few connections. After three
failures in a row Redis is left alone for a while that doubles up to half a minute; meanwhile the
caches read their source.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from observability import gauge, get_logger
from services.kit.cache import Entry, SharedAnswer

BUDGET_SECONDS = 0.05
CONNECTIONS = 20
FAILURES_TO_OPEN = 3
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0

T = TypeVar("T")
log = get_logger(__name__)


class RedisCache:
    """A `SharedCache` in Redis.

    Args:
        url: `redis://…`, `rediss://…` or `unix://…`.
        prefix: before every key, so that a Redis may be shared with others.
        budget: seconds for each operation.
    """

    def __init__(self, url: str, prefix: str = "shop", budget: float = BUDGET_SECONDS) -> None:
        self._prefix = prefix
        self._budget = budget
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=budget,
            socket_connect_timeout=budget,
            retry=Retry(NoBackoff(), 0),
            max_connections=CONNECTIONS,
        )
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._failures = 0
        self._pause = 0.0
        self._closed_until = 0.0
        # Made here: without a shared cache nothing may say that it is away.
        self._available = gauge(
            "cache_shared_available", "Whether the shared cache answered when last asked: 1 or 0."
        )
        self._available.set(1)  # until it is known not to be

    async def fetch(self, cache: str, key: str) -> SharedAnswer:
        """The entry of the key, unless it is older than the last invalidation."""
        found = await self._try(
            lambda: self._redis.mget(self._generation(cache), self._key(cache, key))
        )
        if found is None:
            return SharedAnswer(None, None)
        generation = int(found[0] or 0)
        return SharedAnswer(_entry_of(found[1], generation), generation)

    async def store(
        self, cache: str, key: str, entry: Entry[Any], generation: int, lifetime: float
    ) -> None:
        """Keep an entry for so many seconds, as of the generation before it was loaded."""
        data = orjson.dumps([generation, entry.loaded_at, entry.value])
        await self._try(
            lambda: self._redis.set(self._key(cache, key), data, px=int(lifetime * 1000))
        )

    async def invalidate(self, cache: str) -> None:
        """Make all entries of the cache void."""
        await self._try(lambda: self._redis.incr(self._generation(cache)))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    def _generation(self, cache: str) -> str:
        return f"{self._prefix}:{cache}:generation"

    def _key(self, cache: str, key: str) -> str:
        return f"{self._prefix}:{cache}:entry:{key}"

    async def _try(self, operation: Callable[[], Awaitable[T]]) -> T | None:
        """The result, or None if Redis fails, is slow or is being left alone."""
        try:
            async with asyncio.timeout(self._budget):
                await self._places.acquire()
        except TimeoutError:
            return None  # too much of our own is under way: that says nothing about Redis
        try:
            if time.monotonic() < self._closed_until:
                return None
            async with asyncio.timeout(self._budget):
                result = await operation()
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            return None
        finally:
            self._places.release()
        if self._pause:
            log.info("shared_cache_recovered")
        self._failures = 0
        self._pause = 0.0
        self._available.set(1)
        return result

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures < FAILURES_TO_OPEN:
            return
        if not self._pause:
            log.warning("shared_cache_unavailable", error=str(error) or type(error).__name__)
        self._available.set(0)
        self._pause = min(max(FIRST_PAUSE, self._pause * 2), LONGEST_PAUSE)
        self._closed_until = time.monotonic() + self._pause


def _entry_of(data: bytes | str | None, generation: int) -> Entry[Any] | None:
    """The stored entry, if there is a readable one of this generation."""
    try:
        stored, loaded_at, value = orjson.loads(data or b"null")
    except (ValueError, TypeError):  # nothing, or not written by us
        return None
    return Entry(value, loaded_at) if stored == generation else None
