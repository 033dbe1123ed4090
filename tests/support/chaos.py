"""Striking down parts of a running shop at random points, and the ground that it stands on."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from tests.support import rabbitmq
from tests.support.parts import STATEFUL, Parts
from tests.support.parts import parts as parts_of
from tests.support.postgres import Postgres, shared_server
from tests.support.rabbitmq import Broker
from tests.support.shop import RunningShop

BROKER = "broker"


@dataclass(frozen=True)
class Ground:
    """Where the data are; `broker` and `postgres` only where they are servers of the test's own."""

    parts: Parts
    broker: Broker | None = None
    postgres: Postgres | None = None


@contextmanager
def embedded_ground(folder: Path) -> Iterator[Ground]:
    """SQLite files and the embedded queue."""
    with parts_of("embedded", folder) as parts:
        yield Ground(parts)


@contextmanager
def real_ground(folder: Path, *, own_postgres: bool = False) -> Iterator[Ground]:
    """RabbitMQ, and PostgreSQL: of the test's own if it is to be stopped."""
    server = Postgres() if own_postgres else shared_server()
    try:
        if own_postgres:
            server.start()
        urls = {name: server.new_database() for name in STATEFUL}
        (folder / "rabbitmq").mkdir()
        with rabbitmq.running(folder / "rabbitmq") as broker:
            parts = Parts(folder, broker.url, urls)
            yield Ground(parts, broker, server if own_postgres else None)
    finally:
        if own_postgres:
            server.close()


def chance_of_this_run() -> random.Random:
    """Random numbers, new ones each time; their seed is printed.

    `CHAOS_SEED=…` has the same strikes fall once more.
    """
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"CHAOS_SEED={seed}")  # noqa: T201 - shown by pytest with the failure
    return random.Random(seed)  # noqa: S311 - no secret is made of it


class Strikes:
    """kill -9 of one victim after the other while work is done, each started again at once.

    A strike falls when so much of the work has been done; when each falls, and on whom, follows
    from the random numbers.

    Args:
        shop: whose services are killed.
        broker: killed for the victim `BROKER`.
        victims: whom to strike, so often; the order is drawn.
        work: how much there is to do.
        chance: random numbers.
    """

    def __init__(
        self,
        shop: RunningShop,
        broker: Broker | None,
        victims: Sequence[str],
        work: int,
        chance: random.Random,
    ) -> None:
        self._shop = shop
        self._broker = broker
        # None after nine tenths: the last one, too, is to hit work.
        points = sorted(chance.sample(range(1, work * 9 // 10), len(victims)))
        order = chance.sample(list(victims), len(victims))
        pauses = [chance.uniform(0, 0.15) for _ in victims]
        self._plan = list(zip(points, order, pauses, strict=True))
        self._given_up = Event()
        self._error: BaseException | None = None
        self.done: Counter[str] = Counter()

    @contextmanager
    def during(self, progress: Callable[[], int]) -> Iterator[None]:
        """Strike while in here; at the end wait for those that are left.

        A strike that fails is what is raised, also where the work failed because of it.
        """
        thread = Thread(target=self._run, args=(progress,), name="strikes", daemon=True)
        thread.start()
        try:
            yield
        except BaseException as error:
            self._given_up.set()
            thread.join()
            if self._error is not None:
                raise self._error from error
            raise
        thread.join()
        if self._error is not None:
            raise self._error

    def _run(self, progress: Callable[[], int]) -> None:
        try:
            for point, victim, pause in self._plan:
                while progress() < point:
                    if self._given_up.wait(0.005):
                        return
                time.sleep(pause)
                self._strike(victim)
                self.done[victim] += 1
        except BaseException as error:
            self._error = error

    def _strike(self, victim: str) -> None:
        if victim != BROKER:
            self._shop.kill(victim)
            self._shop.start(victim)
        elif self._broker is not None:
            self._broker.kill()
            self._broker.start()
