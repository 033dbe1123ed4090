"""Both sides of the queue port: a file, and a broker started once for all tests here."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from services.kit.queue.port import Queue
from services.kit.queue.topology import Topology
from tests.support.queues import open_for_test, topology
from tests.support.rabbitmq import Broker, running

Reboot = Callable[[], Awaitable[None]]


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A RabbitMQ of our own."""
    with running(tmp_path_factory.mktemp("rabbitmq")) as broker:
        yield broker


@pytest.fixture(params=["embedded", "rabbitmq"])
def side(request: pytest.FixtureRequest) -> str:
    """Which implementation."""
    return str(request.param)


@pytest.fixture
def url(side: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the queue of this test is."""
    if side == "embedded":
        return f"sqlite:///{tmp_path}/queue.db"
    broker: Broker = request.getfixturevalue("broker")
    return broker.url


@pytest.fixture
def shape() -> Topology:
    """A topology of names nobody else uses."""
    return topology(f"t{uuid.uuid4().hex[:8]}")


@pytest.fixture
def paid(shape: Topology) -> str:
    """The queue that hears `order.paid` alone."""
    return f"{shape.exchange}-paid"


@pytest.fixture
def everything(shape: Topology) -> str:
    """The queue that hears all events."""
    return f"{shape.exchange}-all"


@pytest.fixture
async def queue(url: str, shape: Topology) -> AsyncIterator[Queue]:
    """The queue, declared."""
    queue = open_for_test(url)
    await queue.declare(shape)
    yield queue
    await queue.close()


@pytest.fixture
async def other(url: str, shape: Topology) -> AsyncIterator[Queue]:
    """The same queue as another process would have it."""
    other = open_for_test(url)
    await other.declare(shape)
    yield other
    await other.close()
