"""The cache in the process: ages by a clock of the test's own, loads counted."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from services.kit.cache import Cache


class World:
    """A source that counts how often it is read, and the time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.value = "old"
        self.loads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self) -> str:
        value = self.value
        self.loads += 1
        await self.gate.wait()
        return value


@pytest.fixture
async def world() -> World:
    """The source."""
    return World()


@pytest.fixture
def cache(world: World) -> Cache[str]:
    """Fresh for 2 s, stale for 3 s more."""
    return Cache("test", ttl=2.0, stale=3.0, max_entries=3, clock=lambda: world.now)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_fresh_entry_is_not_loaded_again(cache: Cache[str], world: World) -> None:
    """Until its time to live is over."""
    for _ in range(3):
        assert await cache.get("k", world.load) == "old"
        world.now += 0.6
    assert world.loads == 1


async def test_a_stale_entry_is_served_and_loaded_anew_in_the_background(
    cache: Cache[str], world: World
) -> None:
    """Nobody waits for it."""
    await cache.get("k", world.load)
    world.value = "new"
    world.now += 2.1
    assert await cache.get("k", world.load) == "old"
    await settle()
    assert await cache.get("k", world.load) == "new"
    assert world.loads == 2


async def test_nothing_older_than_ttl_and_stale_is_ever_served(
    cache: Cache[str], world: World
) -> None:
    """Then one waits for the load."""
    await cache.get("k", world.load)
    world.value = "new"
    world.now += 5.0
    assert await cache.get("k", world.load) == "new"


async def test_the_age_counts_from_before_the_source_was_read(
    cache: Cache[str], world: World
) -> None:
    """A slow load does not make an answer younger than it is."""
    world.gate.clear()
    first = asyncio.create_task(cache.get("k", world.load))
    await settle()
    world.now += 5.0
    world.value = "new"
    world.gate.set()
    assert await first == "old"
    assert await cache.get("k", world.load) == "new"


async def test_many_at_once_cause_one_load(cache: Cache[str], world: World) -> None:
    """A stampede reaches the source as one."""
    world.gate.clear()
    askers = [asyncio.create_task(cache.get("k", world.load)) for _ in range(100)]
    await settle()
    world.gate.set()
    assert set(await asyncio.gather(*askers)) == {"old"}
    assert world.loads == 1


async def test_one_who_gives_up_does_not_spoil_it_for_the_others(
    cache: Cache[str], world: World
) -> None:
    """The load goes on when the first asker is cancelled."""
    world.gate.clear()
    first, second = (asyncio.create_task(cache.get("k", world.load)) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    world.gate.set()
    assert await second == "old"
    assert world.loads == 1


async def test_what_the_source_raises_is_raised_and_not_kept(
    cache: Cache[str], world: World
) -> None:
    """The next one asks the source again."""

    async def broken() -> str:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await cache.get("k", broken)
    assert await cache.get("k", world.load) == "old"


async def test_a_load_that_began_before_an_invalidation_is_not_kept(
    cache: Cache[str], world: World
) -> None:
    """It may have read what was before the change."""
    world.gate.clear()
    early = asyncio.create_task(cache.get("k", world.load))
    await settle()
    world.value = "new"
    await cache.invalidate()
    world.gate.set()
    await early
    assert await cache.get("k", world.load) == "new"


async def test_the_least_recently_used_goes_first(cache: Cache[str], world: World) -> None:
    """Three are kept; the one that was used stays."""

    def loader(key: str) -> Callable[[], Awaitable[str]]:
        async def load() -> str:
            world.loads += 1
            return key

        return load

    for key in "abc":
        await cache.get(key, loader(key))
    await cache.get("a", loader("a"))
    await cache.get("d", loader("d"))
    world.loads = 0
    await cache.get("a", loader("a"))
    assert world.loads == 0
    await cache.get("b", loader("b"))
    assert world.loads == 1


async def test_what_came_from_another_cache_is_as_old_as_it_was_there(world: World) -> None:
    """Its age counts from its own source: two caches in a row do not add up."""
    cache: Cache[str] = Cache(
        "test", ttl=2.0, stale=3.0, age_of=lambda value: 4.0, clock=lambda: world.now
    )
    assert await cache.aged("k", world.load) == ("old", 4.0)
    world.value = "new"
    world.now += 1.1
    assert (await cache.aged("k", world.load))[0] == "new"
