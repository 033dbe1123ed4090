"""What only a broker can do to its clients: die, hang, lose a queue, carry others' messages."""

import asyncio
import contextlib
import gc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel

from services.kit.queue.port import Message, Queue, QueueUnavailableError
from services.kit.queue.rabbitmq import RabbitQueue
from services.kit.queue.rabbitmq_link import Link
from services.kit.queue.rabbitmq_topology import retry_name
from services.kit.queue.topology import Topology
from tests.support import plain_amqp
from tests.support.ports import free_port
from tests.support.queues import Received
from tests.support.rabbitmq import Broker
from tests.support.waiting import eventually_async


@pytest.fixture
def side() -> str:
    """RabbitMQ alone."""
    return "rabbitmq"


@pytest.fixture
async def foreign(broker: Broker) -> AsyncIterator[AbstractChannel]:
    """A channel of somebody who knows nothing of this shop."""
    connection = await aio_pika.connect(broker.url)
    yield await connection.channel()
    await connection.close()


async def test_nothing_is_lost_when_the_broker_is_killed(
    queue: Queue, broker: Broker, paid: str
) -> None:
    """Confirmed messages outlive kill -9 of the broker; consumer and publisher come back."""

    async def slowly(_message: Message) -> None:
        await asyncio.sleep(0.05)

    for n in range(30):
        await queue.publish("order.paid", {}, message_id=str(n))
    received = Received(slowly)
    await queue.consume(paid, received)
    await received.reaches(5)
    await asyncio.to_thread(broker.kill)
    publishing = asyncio.create_task(queue.publish("order.paid", {}, message_id="during"))
    await asyncio.to_thread(broker.start)
    await publishing
    await eventually_async(lambda: set(received.ids) >= {*map(str, range(30)), "during"})


async def test_a_message_that_cannot_be_put_off_is_delivered_again(
    queue: Queue, foreign: AbstractChannel, shape: Topology, paid: str
) -> None:
    """Where it was to wait for its next try is gone: that stops neither it nor its consumer."""

    async def fail_at_first(message: Message) -> None:
        if message.id == "a" and received.ids.count("a") == 1:
            raise RuntimeError("not yet")

    received = Received(fail_at_first)
    await queue.consume(paid, received, prefetch=1)
    await queue.publish("order.paid", {}, message_id="first")  # then all is declared
    await received.reaches(1)
    await foreign.queue_delete(retry_name(paid, shape.retry.backoff_seconds[0]))
    await queue.publish("order.paid", {}, message_id="a")
    await queue.publish("order.paid", {}, message_id="b")
    await eventually_async(lambda: received.ids.count("a") == 2)
    await eventually_async(lambda: "b" in received.ids)


async def test_a_broker_that_hung_for_a_while_is_left_with_no_more_channels(
    broker: Broker, shape: Topology
) -> None:
    """Calls that nobody waits for any more leave nothing open; those after them work."""
    before = await asyncio.to_thread(broker.channels)
    queue = RabbitQueue(broker.url, patience_seconds=1.0)
    await until_it_works(queue.declare, shape)
    with broker.paused():
        for _ in range(2):
            calls = [queue.publish("order.paid", {}) for _ in range(10)]
            failures = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(failure) for failure in failures} == {QueueUnavailableError}
    await until_it_works(queue.publish, "order.paid", {})
    async with asyncio.timeout(60):
        while await asyncio.to_thread(broker.channels) != before + 1:
            pass  # the look itself takes seconds
    await queue.close()


async def until_it_works(call: Callable[..., Awaitable[None]], *arguments: Any) -> None:
    """On a busy machine a second may be too short."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(QueueUnavailableError):
                await call(*arguments)
                return


async def test_messages_that_come_without_an_id_get_one_each(
    queue: Queue, broker: Broker, shape: Topology, paid: str
) -> None:
    """The same at each delivery, so that an inbox tells the second message from a second copy."""

    async def fail_once(message: Message) -> None:
        if message.attempt == 1:
            raise RuntimeError("not yet")

    bodies = [b'{"n": 1}', b'{"n": 2}']
    await plain_amqp.publish(broker, shape.exchange, "order.paid", bodies)
    received = Received(fail_once)
    await queue.consume(paid, received)
    await received.reaches(4)
    ids = {(message.body["n"], message.id) for message in received.messages}
    assert len(ids) == 2
    assert len({name for _, name in ids}) == 2


async def test_a_broker_that_refuses_leaves_nothing_to_be_collected_in_another_thread() -> None:
    """A connection that failed is closed: one that is not tries to when it is collected."""
    port = free_port()
    link = Link(f"amqp://guest:guest@127.0.0.1:{port}/", patience_seconds=0.5)
    gc.disable()
    try:
        with pytest.raises(QueueUnavailableError):
            await link.call(_do_nothing)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            await asyncio.to_thread(gc.collect)
    finally:
        gc.enable()
        await link.close()
    assert [str(one.message) for one in warned] == []


async def _do_nothing(_channel: AbstractChannel) -> None:
    pass
