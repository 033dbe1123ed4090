"""A read-through cache: in process, and shared by Redis where there is one.

    products = Cache("catalog_products", ttl=2.0, stale=3.0, shared=shared)
    product = await products.get(key, lambda: read_product(key))

How old an answer may be: younger than `ttl` it is served as it is; younger than `ttl + stale` it is
still served while it is loaded anew in the background; older never. The age counts from when the
source was read, wherever the entry was kept since, so `ttl + stale` is the staleness that any
replica may show after a change, and `invalidate` makes it shorter.

One loader at a time: whoever asks for a key that is being loaded waits for that load.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from observability import cache_request, get_logger, histogram

V = TypeVar("V")
Loader = Callable[[], Awaitable[V]]

AGE = histogram(
    "cache_age_seconds",
    "Time since the source was read of what a cache has served.",
    ["cache"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60),
)
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Entry(Generic[V]):
    """What the source said, and when (unix seconds)."""

    value: V
    loaded_at: float


@dataclass(frozen=True, slots=True)
class SharedAnswer:
    """What the shared cache knows of a key.

    `generation` goes up with each invalidation; None says that the shared cache is away.
    """

    entry: Entry[Any] | None
    generation: int | None


class SharedCache(Protocol):
    """The level that replicas share. No method raises: one that is away is an empty one."""

    async def fetch(self, cache: str, key: str) -> SharedAnswer:
        """The entry of the key, unless it is older than the last invalidation."""

    async def store(
        self, cache: str, key: str, entry: Entry[Any], generation: int, lifetime: float
    ) -> None:
        """Keep an entry for so many seconds, as of the generation before it was loaded."""

    async def invalidate(self, cache: str) -> None:
        """Make all entries of the cache void."""

    async def aclose(self) -> None:
        """Close the connections."""


def open_shared(url: str | None) -> SharedCache | None:
    """The shared cache at the URL, or None without one."""
    if not url:
        return None
    from services.kit.redis_cache import RedisCache  # noqa: PLC0415 - 20 MB that most do without

    return RedisCache(url)


class Cache(Generic[V]):
    """One named cache.

    Args:
        name: label `cache` of its metrics.
        ttl: seconds an entry is fresh.
        stale: seconds it may still be served after that while it is loaded anew.
        max_entries: entries kept in the process; the least recently used go first.
        shared: the level that replicas share; values must then be JSON.
        age_of: how many seconds old a value was when it was loaded, if its source is a cache too.
        clock: unix seconds.
    """

    def __init__(  # noqa: PLR0913 - all but three have a default
        self,
        name: str,
        *,
        ttl: float,
        stale: float = 0.0,
        max_entries: int = 1024,
        shared: SharedCache | None = None,
        age_of: Callable[[V], float] = lambda _value: 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._ttl = ttl
        self._life = ttl + stale
        self._max_entries = max_entries
        self._shared = shared
        self._age_of = age_of
        self._clock = clock
        self._entries: OrderedDict[str, Entry[V]] = OrderedDict()
        self._loading: dict[str, asyncio.Task[Entry[V]]] = {}
        self._generation = 0

    async def get(self, key: str, load: Loader[V]) -> V:
        """The value of the key, from here, from the shared cache or from `load`.

        The value is shared by all who ask: do not change it. What `load` raises is raised here,
        and nothing is kept.
        """
        value, _ = await self.aged(key, load)
        return value

    async def aged(self, key: str, load: Loader[V]) -> tuple[V, float]:
        """The same, and how many seconds ago the source was read."""
        entry = self._entries.get(key)
        age = self._age(entry) if entry else self._life
        if entry is None or age >= self._life:
            cache_request(self.name, "miss")
            # The load goes on for the others if this one who asked gives up.
            entry = await asyncio.shield(self._load_once(key, load))
        elif age < self._ttl:
            cache_request(self.name, "hit")
            self._entries.move_to_end(key)
        else:
            cache_request(self.name, "stale")
            self._load_once(key, load)
        age = self._age(entry)
        AGE.labels(self.name).observe(age)
        return entry.value, age

    async def invalidate(self) -> None:
        """Forget everything: call it after the change is committed."""
        try:
            # First: what is loaded anew from there in between would be the old once more.
            if self._shared:
                await self._shared.invalidate(self.name)
        finally:
            self._generation += 1
            self._entries.clear()
            self._loading.clear()  # a load under way may have read what was before the change

    def _age(self, entry: Entry[V]) -> float:
        return max(0.0, self._clock() - entry.loaded_at)

    def _load_once(self, key: str, load: Loader[V]) -> asyncio.Task[Entry[V]]:
        """The load of the key that is under way, begun if there is none."""
        task = self._loading.get(key)
        if task is None:
            task = asyncio.create_task(self._load(key, load, self._generation))
            self._loading[key] = task
            task.add_done_callback(lambda done: self._loaded(key, done))
        return task

    def _loaded(self, key: str, task: asyncio.Task[Entry[V]]) -> None:
        if self._loading.get(key) is task:
            del self._loading[key]
        if not task.cancelled() and (error := task.exception()):
            # Also retrieves the error of a load in the background that nobody waits for.
            log.warning("cache_load_failed", cache=self.name, error=str(error))

    async def _load(self, key: str, load: Loader[V], generation: int) -> Entry[V]:
        found = await self._shared.fetch(self.name, key) if self._shared else None
        if found and found.entry and self._age(found.entry) < self._ttl:
            cache_request(f"{self.name}_shared", "hit")
            entry: Entry[V] = found.entry
        else:
            # The moment before the read: a change after it is never taken for included.
            loaded_at = self._clock()
            value = await load()
            entry = Entry(value, loaded_at - self._age_of(value))
            await self._share(key, entry, found)
        if generation == self._generation:
            self._keep(key, entry)
        return entry

    async def _share(self, key: str, entry: Entry[V], found: SharedAnswer | None) -> None:
        if self._shared is None or found is None or found.generation is None:
            return
        cache_request(f"{self.name}_shared", "miss")
        await self._shared.store(self.name, key, entry, found.generation, self._life)

    def _keep(self, key: str, entry: Entry[V]) -> None:
        self._entries[key] = entry
        self._entries.move_to_end(key)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)
