"""What every queue must do, asked of the embedded one and of RabbitMQ alike."""

import asyncio
import subprocess
import sys
import time

import pytest

from services.kit.queue.port import (
    Message,
    Queue,
    RejectedError,
    TryLaterError,
    UnknownQueueError,
    UnroutableError,
)
from services.kit.queue.topology import Topology
from tests.support.queues import Received, dead_reasons, depth, open_for_test
from tests.support.waiting import eventually_async


async def ignore(_message: Message) -> None:
    """Handle a message by doing nothing."""


async def test_each_bound_queue_gets_its_own_copy(queue: Queue, paid: str, everything: str) -> None:
    """order.paid matches two queues' patterns and order.placed one's."""
    first, second = Received(), Received()
    await queue.consume(paid, first)
    await queue.consume(everything, second)
    await queue.publish("order.placed", {"n": 1}, message_id="a")
    await queue.publish("order.paid", {"n": 2}, message_id="b")
    await queue.publish("shipment.in_transit.customs", {"n": 3}, message_id="c")
    await second.reaches(3)
    await first.reaches(1)
    assert first.ids == ["b"]
    assert second.ids == ["a", "b", "c"]


async def test_message_arrives_whole(queue: Queue, paid: str) -> None:
    """Id, routing key, body, headers, first attempt and time of publishing reach the handler."""
    received = Received()
    await queue.consume(paid, received)
    before = time.time()
    body = {"text": "Zürich ☂", "lines": [{"quantity": 2}], "nothing": None}
    await queue.publish("order.paid", body, {"traceparent": "00-1-2-01"}, "id-1")
    await received.reaches(1)
    message = received.messages[0]
    assert (message.id, message.routing_key, message.body) == ("id-1", "order.paid", body)
    assert message.headers == {"traceparent": "00-1-2-01"}
    assert message.attempt == 1
    assert before - 1 <= message.enqueued_at <= time.time() + 1


async def test_unroutable_message_is_refused(queue: Queue) -> None:
    """Publishing what no queue would keep is an error and not a silent loss."""
    with pytest.raises(UnroutableError):
        await queue.publish("invoice.sent", {})
    await queue.publish("order.paid", {})  # and harms no later one


async def test_unknown_queue_is_refused(queue: Queue) -> None:
    """Consuming, peeking and replaying name the queue that is not there."""
    with pytest.raises(UnknownQueueError, match="nowhere"):
        await queue.consume("nowhere", ignore)
    with pytest.raises(UnknownQueueError, match="nowhere"):
        await queue.peek("nowhere")
    with pytest.raises(UnknownQueueError, match="nowhere"):
        await queue.replay("nowhere")


async def test_messages_wait_for_a_consumer_and_keep_their_order(queue: Queue, paid: str) -> None:
    """What is published before anyone listens is delivered in the order of publishing."""
    for n in range(20):
        await queue.publish("order.paid", {"n": n})
    received = Received()
    await queue.consume(paid, received)
    await received.reaches(20)
    assert [m.body["n"] for m in received.messages] == list(range(20))


async def test_delivery_to_another_connection_is_quick(
    queue: Queue, other: Queue, paid: str
) -> None:
    """An idle consumer elsewhere gets a message within a fraction of a second."""
    received = Received()
    await other.consume(paid, received)
    await asyncio.sleep(0.3)
    started = time.monotonic()
    await queue.publish("order.paid", {})
    await received.reaches(1)
    assert received.times[0] - started < 0.5


async def test_prefetch_bounds_what_is_handled_at_once(queue: Queue, paid: str) -> None:
    """With a prefetch of 3 there are three handlers at work and never four."""
    working = peak = 0

    async def work(_message: Message) -> None:
        nonlocal working, peak
        working += 1
        peak = max(peak, working)
        await asyncio.sleep(0.05)
        working -= 1

    received = Received(work)
    for n in range(12):
        await queue.publish("order.paid", {"n": n})
    await queue.consume(paid, received, prefetch=3)
    await received.reaches(12)
    await eventually_async(lambda: working == 0)
    assert peak == 3


async def test_consumers_share_the_work(queue: Queue, other: Queue, paid: str) -> None:
    """Two consumers of one queue get each message once between them."""

    async def work(_message: Message) -> None:
        await asyncio.sleep(0.02)

    one, two = Received(work), Received(work)
    await queue.consume(paid, one)
    await other.consume(paid, two)
    for n in range(20):
        await queue.publish("order.paid", {}, message_id=str(n))
    await eventually_async(lambda: len(one.ids) + len(two.ids) >= 20)
    await asyncio.sleep(0.1)
    assert sorted(one.ids + two.ids, key=int) == [str(n) for n in range(20)]
    assert one.ids
    assert two.ids


async def test_failed_message_is_tried_again_after_a_growing_pause(queue: Queue, paid: str) -> None:
    """Two failures, pauses of 0.1 and 0.2 s, then success: three tries, counted."""

    async def fail_twice(message: Message) -> None:
        if message.attempt < 3:
            raise RuntimeError("not yet")

    received = Received(fail_twice)
    await queue.consume(paid, received)
    await queue.publish("order.paid", {"n": 1}, {"k": "v"}, "a")
    await received.reaches(3)
    assert [m.attempt for m in received.messages] == [1, 2, 3]
    assert {(m.id, m.routing_key, m.headers["k"]) for m in received.messages} == {
        ("a", "order.paid", "v")
    }
    assert len({m.enqueued_at for m in received.messages}) == 1
    first, second, third = received.times
    assert second - first >= 0.09
    assert third - second >= 0.19
    await asyncio.sleep(0.3)
    assert len(received.messages) == 3
    assert await queue.dead(paid) == []


async def test_poison_message_dies_with_its_reason_and_is_replayed(queue: Queue, paid: str) -> None:
    """After three failures it is a dead letter, out of the way; replay gives it a fresh start."""
    broken = True

    async def fail(message: Message) -> None:
        if broken and message.id == "poison":
            raise ValueError("no such product")

    received = Received(fail)
    await queue.consume(paid, received)
    await queue.publish("order.paid", {"n": 1}, message_id="poison")
    await queue.publish("order.paid", {"n": 2}, message_id="good")
    assert await dead_reasons(queue, paid, 1) == ["ValueError: no such product"]
    assert "good" in received.ids
    letter = (await queue.dead(paid))[0]
    assert (letter.message.id, letter.message.body) == ("poison", {"n": 1})
    assert letter.message.attempt == 3
    assert abs(letter.died_at - time.time()) < 20
    stats = {one.queue: one for one in await queue.stats()}[paid]
    assert (stats.depth, stats.dead) == (0, 1)

    broken = False
    assert await queue.replay(paid) == 1
    await eventually_async(lambda: received.ids.count("poison") == 4)
    assert received.messages[-1].attempt == 1
    assert await queue.dead(paid) == []


async def test_replay_of_one_leaves_the_others(queue: Queue, paid: str) -> None:
    """A message id picks one dead letter out of several."""

    async def reject(_message: Message) -> None:
        raise RejectedError("unwanted")

    subscription = await queue.consume(paid, reject)
    for name in ("a", "b", "c"):
        await queue.publish("order.paid", {}, message_id=name)
    await dead_reasons(queue, paid, 3)
    await subscription.stop()
    assert await queue.replay(paid, "b") == 1
    assert await queue.replay(paid, "nobody") == 0
    assert [letter.message.id for letter in await queue.dead(paid)] == ["a", "c"]
    assert [message.id for message in await queue.peek(paid)] == ["b"]


async def test_rejected_message_dies_at_once(queue: Queue, paid: str) -> None:
    """A handler that can never process it says so: no second try."""

    async def reject(_message: Message) -> None:
        raise RejectedError("body has no order_id")

    received = Received(reject)
    await queue.consume(paid, received)
    await queue.publish("order.paid", {})
    assert await dead_reasons(queue, paid, 1) == ["RejectedError: body has no order_id"]
    assert len(received.messages) == 1


async def test_waiting_for_a_dependency_is_no_failure(queue: Queue, paid: str) -> None:
    """More deferrals than tries allowed, and the message still gets through as a first try."""

    async def wait_for_it(_message: Message) -> None:
        if len(received.messages) < 6:
            raise TryLaterError("shipping is down")

    received = Received(wait_for_it)
    await queue.consume(paid, received)
    await queue.publish("order.paid", {})
    await received.reaches(6)
    assert {m.attempt for m in received.messages} == {1}
    await asyncio.sleep(0.1)
    assert await queue.dead(paid) == []


async def test_peek_shows_the_head_and_takes_nothing(queue: Queue, paid: str) -> None:
    """Peeking twice shows the same messages, and all of them are still delivered."""
    for n in range(5):
        await queue.publish("order.paid", {"n": n}, {"h": "x"})
    for _ in range(2):
        seen = await queue.peek(paid, limit=3)
        assert [m.body["n"] for m in seen] == [0, 1, 2]
        assert seen[0].headers == {"h": "x"}
    assert await depth(queue, paid) == 5
    received = Received()
    await queue.consume(paid, received)
    await received.reaches(5)
    assert sorted(m.body["n"] for m in received.messages) == list(range(5))


async def test_stats_tell_depth_and_age(queue: Queue, paid: str, everything: str) -> None:
    """Depth counts what waits; the age is that of the oldest and grows; both end at zero."""
    assert {s.queue: (s.depth, s.oldest_age_seconds, s.dead) for s in await queue.stats()} == {
        paid: (0, 0.0, 0),
        everything: (0, 0.0, 0),
    }
    await queue.publish("order.paid", {})
    await asyncio.sleep(0.3)
    await queue.publish("order.paid", {})
    stats = {s.queue: s for s in await queue.stats()}
    assert stats[paid].depth == stats[everything].depth == 2
    assert 0.3 <= stats[paid].oldest_age_seconds < 5
    received = Received()
    await queue.consume(paid, received, prefetch=2)
    await received.reaches(2)
    await asyncio.sleep(0.1)
    assert await depth(queue, paid) == 0
    assert await depth(queue, everything) == 2


async def test_retrying_message_counts_as_waiting(queue: Queue, paid: str) -> None:
    """A message in the pause before its next try is part of the depth."""

    async def later(_message: Message) -> None:
        raise TryLaterError("not now")

    received = Received(later)
    subscription = await queue.consume(paid, received)
    await queue.publish("order.paid", {})
    await received.reaches(1)
    await subscription.stop()
    assert await depth(queue, paid) == 1


async def test_paused_subscription_takes_nothing_until_resumed(queue: Queue, paid: str) -> None:
    """While paused messages pile up; after resuming all are handled."""
    received = Received()
    subscription = await queue.consume(paid, received)
    await queue.publish("order.paid", {})
    await received.reaches(1)
    await subscription.pause()
    await asyncio.sleep(0.1)
    for _ in range(3):
        await queue.publish("order.paid", {})
    await asyncio.sleep(0.4)
    assert len(received.messages) == 1
    assert await depth(queue, paid) == 3
    await subscription.resume()
    await received.reaches(4)


async def test_stop_finishes_the_message_at_hand(queue: Queue, paid: str) -> None:
    """Stopping waits for the running handler, takes no new message and loses none."""
    finished: list[str] = []

    async def slowly(message: Message) -> None:
        await asyncio.sleep(0.3)
        finished.append(message.id)

    received = Received(slowly)
    subscription = await queue.consume(paid, received)
    await queue.publish("order.paid", {}, message_id="a")
    await queue.publish("order.paid", {}, message_id="b")
    await received.reaches(1)
    await subscription.stop()
    assert finished == ["a"]
    assert await depth(queue, paid) == 1
    again = Received()
    await queue.consume(paid, again)
    await again.reaches(1)
    assert again.ids == ["b"]


async def test_stop_gives_back_what_takes_too_long(queue: Queue, paid: str) -> None:
    """A handler that outlasts the grace period is cancelled, its message delivered again."""

    async def hang(_message: Message) -> None:
        await asyncio.Event().wait()

    received = Received(hang)
    subscription = await queue.consume(paid, received)
    await queue.publish("order.paid", {}, message_id="a")
    await received.reaches(1)
    await subscription.stop(grace_seconds=0.1)
    again = Received()
    await queue.consume(paid, again)
    await again.reaches(1)
    assert (again.ids, again.messages[0].attempt) == (["a"], 1)


async def test_long_handler_keeps_its_message(queue: Queue, other: Queue, paid: str) -> None:
    """Work that takes longer than a lease is not handed to a second consumer meanwhile."""

    async def slowly(_message: Message) -> None:
        await asyncio.sleep(2.5)

    one, two = Received(slowly), Received()
    await queue.consume(paid, one)
    await queue.publish("order.paid", {})
    await one.reaches(1)
    await other.consume(paid, two)
    await asyncio.sleep(2.8)
    assert (len(one.messages), len(two.messages)) == (1, 0)
    assert await depth(queue, paid) == 0


def kill_a_consumer(url: str, shape: Topology) -> str:
    """Let a process take a message and kill -9 it; returns which message it was."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.stuck_consumer", url, shape.exchange],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        taken = process.stdout.readline().strip()
        process.kill()
    return taken


async def test_message_of_a_killed_consumer_is_delivered_again(
    queue: Queue, url: str, shape: Topology, paid: str
) -> None:
    """kill -9 in the middle of a handler costs time and no message."""
    await queue.publish("order.paid", {"n": 7}, message_id="a")
    assert await asyncio.to_thread(kill_a_consumer, url, shape) == "a"
    received = Received()
    await queue.consume(paid, received)
    await received.reaches(1)
    assert (received.ids, received.messages[0].body) == (["a"], {"n": 7})


async def test_message_that_kills_its_consumers_dies(
    queue: Queue, url: str, shape: Topology, paid: str
) -> None:
    """After two redeliveries the third death of a consumer makes it a dead letter."""
    await queue.publish("order.paid", {}, message_id="a")
    for _ in range(3):
        assert await asyncio.to_thread(kill_a_consumer, url, shape) == "a"
    received = Received()
    await queue.consume(paid, received)
    assert await dead_reasons(queue, paid, 1) == ["its consumer died 3 times while handling it"]
    assert received.ids == []


async def test_stopping_a_consumer_and_looking_at_the_queue_is_no_death(
    queue: Queue, paid: str
) -> None:
    """However often it happens in the middle of a handler, the message stays a good one."""

    async def hang(_message: Message) -> None:
        await asyncio.Event().wait()

    await queue.publish("order.paid", {}, message_id="a")
    for _ in range(4):  # one more than a message may kill consumers
        assert await depth(queue, paid) == 1
        received = Received(hang)
        subscription = await queue.consume(paid, received)
        await received.reaches(1)
        await subscription.stop(grace_seconds=0.0)
    assert [message.id for message in await queue.peek(paid)] == ["a"]
    assert await queue.dead(paid) == []


async def test_nothing_is_lost_when_the_queue_is_closed_and_opened(
    queue: Queue, url: str, shape: Topology, paid: str
) -> None:
    """Waiting messages and dead letters are there after every process has gone."""

    async def reject(_message: Message) -> None:
        raise RejectedError("no")

    first = open_for_test(url)
    await first.declare(shape)
    subscription = await first.consume(paid, reject)
    await first.publish("order.paid", {}, message_id="dead")
    await dead_reasons(first, paid, 1)
    await subscription.stop()
    await first.publish("order.paid", {}, message_id="waiting")
    await first.close()

    assert [m.id for m in await queue.peek(paid)] == ["waiting"]
    assert [letter.message.id for letter in await queue.dead(paid)] == ["dead"]
