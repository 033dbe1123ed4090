"""The shared cache: replicas help each other when Redis works, and live without it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest

from observability.instrumentation.metrics import registry
from services.kit.cache import Cache, open_shared
from services.kit.redis_cache import CONNECTIONS, RedisCache
from tests.support.ports import free_port
from tests.support.redis import RedisServer, running


class Source:
    """What is cached; counts how often it is read."""

    def __init__(self) -> None:
        self.value = "old"
        self.loads = 0

    async def load(self) -> str:
        self.loads += 1
        return self.value


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A Redis of our own."""
    with running() as server:
        yield server


@pytest.fixture
def source() -> Source:
    """The source."""
    return Source()


@pytest.fixture
async def replicas(
    server: RedisServer, request: pytest.FixtureRequest
) -> AsyncIterator[list[Cache[str]]]:
    """The same cache in three replicas; each test has its own name for it."""
    shared = [open_shared(server.url) for _ in range(3)]
    yield [Cache(request.node.name, ttl=5.0, stale=5.0, shared=one) for one in shared]
    for one in shared:
        assert one is not None
        await one.aclose()


async def test_what_one_replica_has_read_the_others_need_not(
    replicas: list[Cache[str]], source: Source
) -> None:
    """One read of the source for all."""
    assert [await one.get("k", source.load) for one in replicas] == ["old"] * 3
    assert source.loads == 1


async def test_an_invalidation_reaches_what_is_shared(
    replicas: list[Cache[str]], source: Source
) -> None:
    """A replica that asks after the change sees it, whoever made it."""
    await replicas[0].get("k", source.load)
    source.value = "new"
    await replicas[1].invalidate()
    assert await replicas[2].get("k", source.load) == "new"


async def test_what_is_read_while_a_change_is_told_is_not_kept_after_it(
    server: RedisServer, source: Source
) -> None:
    """However long the way to Redis is: afterwards nobody gets the old from anywhere."""
    told = asyncio.Event()

    class FarAway(RedisCache):
        async def invalidate(self, cache: str) -> None:
            await told.wait()
            await super().invalidate(cache)

    shared = FarAway(server.url)
    cache = Cache[str]("overtaken", ttl=5.0, stale=5.0, shared=shared)
    await cache.get("k", source.load)
    source.value = "new"
    telling = asyncio.create_task(cache.invalidate())
    await asyncio.sleep(0)
    await cache.get("k", source.load)
    told.set()
    await telling
    assert await cache.get("k", source.load) == "new"
    await shared.aclose()


async def test_many_questions_at_once_are_no_failure_of_redis(
    server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """They wait for each other's connections; Redis goes on being asked."""
    shared = RedisCache(server.url, budget=10.0)  # however busy the machine is
    cache = Cache[str]("crowd", ttl=5.0, shared=shared)

    async def load(key: int) -> str:
        return str(key)

    keys = range(10 * CONNECTIONS)
    answers = await asyncio.gather(*(cache.get(str(n), partial(load, n)) for n in keys))
    assert answers == [str(n) for n in keys]
    assert registry.get_sample_value("cache_shared_available") == 1
    assert "shared_cache_unavailable" not in capsys.readouterr().out
    found = await asyncio.gather(*(shared.fetch("crowd", str(n)) for n in keys))
    assert [answer.entry and answer.entry.value for answer in found] == answers
    await shared.aclose()


async def test_a_read_that_a_change_overtakes_is_not_shared(
    replicas: list[Cache[str]], source: Source
) -> None:
    """The entry is of the generation before it: nobody takes it for current."""

    async def slow() -> str:
        value = await source.load()
        source.value = "new"
        await replicas[1].invalidate()
        return value

    assert await replicas[0].get("k", slow) == "old"
    assert await replicas[2].get("k", source.load) == "new"


async def test_ages_add_up_to_no_more_than_stated(server: RedisServer, source: Source) -> None:
    """An entry found in Redis is as old as its source's reading, not as its fetching."""
    now = 1000.0
    shared = open_shared(server.url)
    one, other = (
        Cache[str]("ages", ttl=2.0, stale=2.0, shared=shared, clock=lambda: now) for _ in range(2)
    )
    await one.get("k", source.load)
    source.value = "new"
    now += 1.9
    assert await other.get("k", source.load) == "old"
    now += 2.2
    assert await other.get("k", source.load) == "new"
    assert shared is not None
    await shared.aclose()


async def test_a_redis_that_does_not_answer_costs_a_bounded_delay_and_then_nothing(
    server: RedisServer, source: Source
) -> None:
    """50 ms an operation, and none any more after three failures."""
    shared = open_shared(server.url)
    cache = Cache[str]("slow", ttl=60.0, shared=shared)
    await cache.get("warm", source.load)
    server.pause()
    try:
        start = time.perf_counter()
        for n in range(3):
            assert await cache.get(f"a{n}", source.load) == "old"
        assert time.perf_counter() - start < 0.6
        start = time.perf_counter()
        for n in range(50):
            assert await cache.get(f"b{n}", source.load) == "old"
        assert time.perf_counter() - start < 0.2
    finally:
        server.resume()
    assert shared is not None
    await shared.aclose()


async def test_a_redis_that_comes_back_is_used_again(source: Source) -> None:
    """Without a restart of those who use it."""
    server = RedisServer()
    server.start()
    shared = open_shared(server.url)
    assert shared is not None
    cache = Cache[str]("back", ttl=60.0, shared=shared)
    server.stop()
    for n in range(5):
        await cache.get(f"a{n}", source.load)
    assert (await shared.fetch("back", "x")).generation is None
    assert registry.get_sample_value("cache_shared_available") == 0
    server.start()
    deadline = time.monotonic() + 5
    while (await shared.fetch("back", "x")).generation is None:
        assert time.monotonic() < deadline
    assert registry.get_sample_value("cache_shared_available") == 1
    await shared.aclose()
    server.stop()


async def test_no_redis_at_all_is_no_error(source: Source) -> None:
    """The source answers, and invalidation is heard here at least."""
    shared = open_shared(f"redis://127.0.0.1:{free_port()}")
    cache = Cache[str]("none", ttl=60.0, shared=shared)
    assert await cache.get("k", source.load) == "old"
    source.value = "new"
    await cache.invalidate()
    assert await cache.get("k", source.load) == "new"
    assert shared is not None
    await shared.aclose()
