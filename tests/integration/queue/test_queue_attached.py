"""A service's attachment: stall, late queue, figures on /metrics, trace across the queue."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from observability import continued
from observability.instrumentation.metrics import registry
from services.kit.queue import SHOP, Attachment, Consumer, open_queue
from services.kit.queue.port import Message, QueueError, RejectedError
from services.kit.queue.rabbitmq import RabbitQueue
from tests.support.queues import Received, dead_reasons
from tests.support.rabbitmq import Broker
from tests.support.waiting import eventually_async

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A queue in a file: what is tested here is above the port."""
    return f"sqlite:///{tmp_path}/queue.db"


async def test_stalled_consumers_take_nothing_until_released(url: str) -> None:
    """While stalled the backlog grows and can be seen; afterwards all of it is worked off."""
    stalled = True
    queue, received = open_queue(url), Received()
    attachment = Attachment(queue, SHOP, [Consumer("orders", received)], lambda: stalled)
    attachment.start()
    await eventually_async(attachment_ready(attachment))
    await asyncio.sleep(0.3)
    for number in range(3):
        await queue.publish("shipment.created", {"n": number})
    await eventually_async(lambda: depth(attachment, "orders") == 3)
    assert received.ids == []
    stalled = False
    await received.reaches(3)
    await eventually_async(lambda: depth(attachment, "orders") == 0)
    await attachment.stop()
    await queue.close()


def attachment_ready(attachment: Attachment) -> Callable[[], bool]:
    """Whether figures have been read, which is after attaching."""
    return lambda: bool(attachment.figures())


def depth(attachment: Attachment, queue: str) -> int:
    """The latest depth of a queue."""
    return next(one.depth for one in attachment.figures() if one.destination == queue)


async def test_handler_runs_in_the_trace_of_the_publisher(url: str) -> None:
    """Trace id and baggage cross the queue."""
    queue, received = open_queue(url), Received()
    await queue.declare(SHOP)
    await queue.consume("orders", received)
    with continued({"traceparent": PARENT, "baggage": "tier=gold"}):
        await queue.publish("shipment.created", {})
    await received.reaches(1)
    headers = received.messages[0].headers
    assert headers["traceparent"].split("-")[1] == PARENT.split("-")[1]
    assert headers["baggage"] == "tier=gold"
    await queue.close()


async def test_what_was_put_back_after_its_death_has_waited_since_then(url: str) -> None:
    """Not since it was published: what it waited for was a person."""

    async def reject_the_first(_message: Message) -> None:
        if len(received.messages) == 1:
            raise RejectedError("unwanted")

    queue, received = open_queue(url), Received(reject_the_first)
    await queue.declare(SHOP)
    await queue.consume("orders", received)
    await queue.publish("shipment.created", {})
    await dead_reasons(queue, "orders", 1)
    await asyncio.sleep(1.0)
    before = waited("orders")
    await queue.replay("orders")
    await received.reaches(2)
    assert waited("orders") - before < 0.9
    await queue.close()


def waited(queue: str) -> float:
    """Seconds that all messages of a queue have waited, as measured."""
    labels = {"messaging_destination_name": queue}
    return registry.get_sample_value("messaging_queue_wait_seconds_sum", labels) or 0.0


async def test_service_starts_while_the_broker_is_away(broker: Broker) -> None:
    """Not ready, but up; attached and consuming once the broker is there."""
    await asyncio.to_thread(broker.stop)
    queue, received = RabbitQueue(broker.url, patience_seconds=0.5), Received()
    attachment = Attachment(queue, SHOP, [Consumer("orders", received)])
    attachment.start()
    await asyncio.sleep(1)
    with pytest.raises(QueueError):
        await attachment.check()
    await asyncio.to_thread(broker.start)
    await eventually_async(attachment_ready(attachment))
    await attachment.check()
    await queue.publish("shipment.created", {})
    await received.reaches(1)
    await attachment.stop()
    await queue.close()


async def test_publishing_while_the_broker_is_away_fails_clearly(broker: Broker) -> None:
    """After the time it may take, with an error that names the broker and no password."""
    queue = RabbitQueue(broker.url, patience_seconds=1.0)
    await queue.declare(SHOP)
    await asyncio.to_thread(broker.stop)
    try:
        with pytest.raises(QueueError, match=f"127.0.0.1:{broker.port}") as caught:
            await queue.publish("order.paid", {})
        assert "guest" not in str(caught.value)
    finally:
        await asyncio.to_thread(broker.start)
    await queue.publish("order.paid", {})
    await queue.close()
