"""Redis, RabbitMQ, PostgreSQL stopped under load: what shoppers see, what recovers, nothing lost.

`OUTAGE_SECONDS` sets for how long each is away; the figures of a run are printed (`pytest -s`).
"""

import os
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support import redis
from tests.support.chaos import Ground, real_ground
from tests.support.chaos_books import all_squares, await_nothing_left
from tests.support.chaos_load import Figures, Load
from tests.support.customer import products, set_stock, stock
from tests.support.parts import STATEFUL
from tests.support.redis import RedisServer
from tests.support.shop import SERVICES, RunningShop, running_shop

OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "10"))
CALM_SECONDS = 5.0
RECOVERY_SECONDS = 15.0
"""How long load goes on after the outage."""
IN_STOCK = 100_000

pytestmark = pytest.mark.timeout(300 + 3 * int(OUTAGE_SECONDS))


@dataclass(frozen=True)
class Site:
    """A shop on real servers of its own."""

    shop: RunningShop
    ground: Ground
    redis: RedisServer
    goods: list[str]

    def lost_nothing_of(self, story: "Story") -> None:
        """Wait for what is still to be done; then every accepted order has its parcel.

        And the books of all services agree, also about orders whose answer got lost.
        """
        await_nothing_left(self.ground.parts, within=120)
        shipped, sold = all_squares(self.ground.parts)
        assert set(story.accepted) <= shipped
        left = {product: stock(self.shop, product) for product in self.goods}
        assert left == {product: IN_STOCK - sold[product] for product in self.goods}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all three outages."""
    folder: Path = tmp_path_factory.mktemp("outages")
    with real_ground(folder, own_postgres=True) as ground, redis.running() as cache:
        environment = ground.parts.environment() | {
            "SHOP_REDIS_URL": cache.url,
            "SHOP_PICKUP_SECONDS": "0.5",
            "SHOP_TRANSIT_SECONDS": "0.5",
        }
        with running_shop(folder / "shop", environment=environment) as shop:
            goods = products(shop, 30)
            for product in goods:
                set_stock(shop, product, IN_STOCK)
            yield Site(shop, ground, cache, goods)


@dataclass(frozen=True)
class Story:
    """An outage as the shoppers met it."""

    before: Figures
    during: Figures
    after: Figures
    back_at: float

    @property
    def accepted(self) -> list[str]:
        """Ids of all orders that were answered with 201."""
        return [*self.before.orders, *self.during.orders, *self.after.orders]

    @property
    def recovered_after(self) -> float:
        """Seconds from the server's return to the end of the last request that failed."""
        ends = [one.began + one.took for one in (*self.during.failures, *self.after.failures)]
        return max([0.0, *(end - self.back_at for end in ends)])


def ready(site: Site) -> dict[str, bool]:
    """Which services say that they can do their work."""
    urls = {name: f"{site.shop.url(name)}/readyz" for name in SERVICES}
    return {name: httpx.get(url, timeout=10).is_success for name, url in urls.items()}


def outage(
    site: Site, stop: Callable[[], None], start: Callable[[], None], unready: Collection[str]
) -> Story:
    """Load, calm at first, then without the server, when `unready` say so, then with it again."""
    load = Load(site.shop.url("gateway"), site.goods)
    with load.running():
        calm = time.monotonic()
        time.sleep(CALM_SECONDS)
        gone = time.monotonic()
        stop()
        time.sleep(OUTAGE_SECONDS)
        without = ready(site)
        start()
        back = time.monotonic()
        time.sleep(RECOVERY_SECONDS)
    story = Story(
        load.between("before", calm, gone),
        load.between("during", gone, back),
        load.between("after", back),
        back,
    )
    print(f"\n{story.before}\n{story.during}\n{story.after}")  # noqa: T201 - the run's figures
    print(f"recovered {story.recovered_after:.1f} s after the return")  # noqa: T201 - as above
    assert story.before.failures == []
    assert without == {name: name not in unready for name in SERVICES}
    assert all(ready(site).values())
    return story


def test_without_redis_nobody_notices(site: Site) -> None:
    """No error and no wait that matters: caches read their source; Redis is used again after."""
    story = outage(site, site.redis.stop, site.redis.start, unready=[])
    assert story.during.failures == []
    assert story.after.failures == []
    assert story.during.percentile(95) < story.before.percentile(95) * 3 + 0.2
    for service in ("catalog", "gateway"):
        log = site.shop.log(service)
        assert "shared_cache_unavailable" in log
        assert "shared_cache_recovered" in log
    site.lost_nothing_of(story)


def test_without_rabbitmq_orders_are_accepted_and_shipped_later(site: Site) -> None:
    """The outbox keeps the events: every order is answered 201, and on its way after recovery."""
    broker = site.ground.broker
    assert broker is not None
    story = outage(site, broker.stop, broker.start, unready=["worker"])
    assert story.during.failures == []
    assert story.after.failures == []
    assert len(story.during.orders) > OUTAGE_SECONDS / 2
    assert story.during.percentile(95) < story.before.percentile(95) * 3 + 0.2
    site.lost_nothing_of(story)


def test_without_postgresql_there_is_a_clear_answer_and_quick_recovery(site: Site) -> None:
    """503 with a problem document for what needs it, the catalogue from the cache; no restart."""
    postgres = site.ground.postgres
    assert postgres is not None
    story = outage(site, postgres.stop, postgres.start, unready=STATEFUL)
    assert {one.status for one in story.during.failures} == {503}
    assert all(one.title for one in story.during.failures)
    assert story.during.of("browse").failures == []
    assert story.during.of("cart").percentile(95) < 6.0
    assert story.recovered_after < 5.0
    assert len(story.after.orders) > RECOVERY_SECONDS / 2
    site.lost_nothing_of(story)
