"""Export to a real HTTP collector: down, up, slow, busy, refusing. Nothing raised or blocked."""

import json
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson
import pytest

from observability.instrumentation.exporting import ExportQueue
from observability.instrumentation.otlp import OtlpSender
from observability.instrumentation.replies import Outcome, Reply
from observability.instrumentation.settings import EndpointSettings, QueueSettings
from observability.instrumentation.wire import Packed
from tests.integration.instrumentation.otlp_receiver import Receiver, serving
from tests.support.ports import free_port
from tests.support.waiting import eventually

Lines = Callable[[], list[dict[str, Any]]]
PATH = "/v1/traces"


class Names:
    """A wire format of spans that have a name and nothing else."""

    content_type = "application/json"

    def pack(self, item: str) -> Packed:
        if item == "poison":
            raise ValueError(item)
        return Packed(None, json.dumps({"name": item}).encode())

    def request(self, packed: Sequence[Packed]) -> bytes:
        spans = b",".join(body for _, body in packed)
        return b'{"resourceSpans":[{"scopeSpans":[{"spans":[%s]}]}]}' % spans

    def rejected(self, answer: bytes) -> int:
        return int(orjson.loads(answer)["partialSuccess"]["rejectedSpans"])


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def queue(port: int) -> Iterator[Callable[..., ExportQueue[str]]]:
    made: list[ExportQueue[str]] = []

    def make(**settings: Any) -> ExportQueue[str]:
        endpoint = EndpointSettings(f"http://127.0.0.1:{port}{PATH}", timeout=2)
        bounds = QueueSettings(**{"delay": 0.02, **settings})
        made.append(ExportQueue("traces", Names(), OtlpSender(endpoint, Names()), bounds))
        return made[-1]

    yield make
    for one in made:
        one.stop(0)


@pytest.fixture
def log_lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    return lambda: [orjson.loads(line) for line in capsys.readouterr().out.splitlines() if line]


def test_what_was_made_while_the_collector_was_down_arrives(
    queue: Callable[..., ExportQueue[str]], receiver: Receiver, port: int, log_lines: Lines
) -> None:
    """Everything is kept in order, sent once it is up, and told in two lines."""
    exports = queue()
    names = [f"span-{number}" for number in range(1000)]
    for name in names:
        exports.put(name)
    eventually(lambda: any(line["event"] == "export_failing" for line in log_lines()))
    assert exports.size == 1000
    with serving(receiver, port):
        eventually(lambda: exports.exported == 1000)
        assert [span.name for span in receiver.spans] == names
    assert exports.size == 0
    assert sum(exports.dropped.values()) == 0
    assert [line["event"] for line in log_lines()] == ["export_recovered"]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_collector_is_asked_again(
    status: int, queue: Callable[..., ExportQueue[str]], receiver: Receiver, port: int
) -> None:
    """Retryable answers lose nothing."""
    receiver.status = status
    with serving(receiver, port):
        exports = queue()
        exports.put("kept")
        eventually(lambda: len(receiver.statuses(PATH)) >= 2)
        receiver.status = 200
        eventually(lambda: exports.exported == 1)
    assert receiver.span_names() == {"kept": 1}
    assert not exports.dropped


def test_retry_after_is_honoured(
    queue: Callable[..., ExportQueue[str]], receiver: Receiver, port: int
) -> None:
    """The collector is left alone as long as it asks for, other items waiting meanwhile."""
    receiver.status, receiver.headers = 503, {"retry-after": "2"}
    with serving(receiver, port):
        exports = queue()
        exports.put("first")
        eventually(lambda: receiver.statuses(PATH) == [503])
        receiver.status = 200
        exports.put("second")
        eventually(lambda: exports.exported == 2)
        first, second = [at for at, _, _ in receiver.requests]
    assert 1.9 <= second - first < 4


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500])
def test_a_refusal_drops_and_counts(
    status: int, queue: Callable[..., ExportQueue[str]], receiver: Receiver, port: int
) -> None:
    """What the collector will never take is given up at once, counted, and the next goes on."""
    receiver.status = status
    with serving(receiver, port):
        exports = queue()
        exports.put("refused")
        eventually(lambda: exports.dropped["rejected"] == 1)
        receiver.status = 200
        exports.put("taken")
        assert exports.flush(5)
    assert receiver.statuses(PATH) == [status, 200]
    assert exports.exported == 1


def test_partial_success_is_counted(
    queue: Callable[..., ExportQueue[str]], receiver: Receiver, port: int
) -> None:
    """Items that a successful answer says were rejected are counted as dropped."""
    receiver.rejected = 1
    with serving(receiver, port):
        exports = queue()
        exports.put("a")
        exports.put("b")
        assert exports.flush(5)
    assert exports.exported == 1
    assert exports.dropped["rejected"] == 1


def test_beyond_capacity_the_oldest_go_first(
    queue: Callable[..., ExportQueue[str]], receiver: Receiver, port: int
) -> None:
    """Down for long: memory is bounded, the newest are kept, the rest is counted."""
    exports = queue(capacity=500)
    for number in range(5000):
        exports.put(f"span-{number}")
        assert exports.size <= 500 + 1
        if number % 500 == 0:
            time.sleep(0.05)
    eventually(lambda: exports.size <= 500)
    with serving(receiver, port):
        assert exports.flush(10)
    assert exports.exported + exports.dropped["queue_full"] == 5000
    assert exports.exported > 400
    assert receiver.spans[-1].name == "span-4999"


def test_bytes_are_bounded_too(queue: Callable[..., ExportQueue[str]]) -> None:
    """Few but large items cannot fill the memory."""
    exports = queue(max_bytes=100_000)
    for _ in range(640):
        exports.put("x" * 10_000)
    eventually(lambda: exports.dropped["queue_full"] >= 300)


def test_an_item_that_cannot_be_encoded_costs_only_itself(
    queue: Callable[..., ExportQueue[str]], receiver: Receiver, port: int
) -> None:
    """Its neighbours arrive, it is counted."""
    with serving(receiver, port):
        exports = queue()
        for name in ("a", "poison", "b"):
            exports.put(name)
        assert exports.flush(5)
    assert receiver.span_names() == {"a": 1, "b": 1}
    assert exports.dropped["encoding"] == 1


def test_a_hanging_collector_blocks_nobody(
    queue: Callable[..., ExportQueue[str]], receiver: Receiver, port: int
) -> None:
    """put() returns at once while a request hangs; stopping gives up after its timeout."""
    receiver.delay = 1.5
    with serving(receiver, port):
        exports = queue()
        exports.put("first")
        time.sleep(0.2)
        longest = 0.0
        for number in range(10_000):
            start = time.monotonic()
            exports.put(f"span-{number}")
            longest = max(longest, time.monotonic() - start)
        # Any that waited for the request would have taken what is left of its 1.5 s.
        assert longest < 0.5
        start = time.monotonic()
        assert not exports.stop(0.3)
        assert time.monotonic() - start < 1
    assert exports.dropped["shutdown"] >= 10_000
    exports.put("too late")
    assert exports.dropped["shutdown"] >= 10_001


def test_flush_is_not_done_before_everything_is_sent(
    queue: Callable[..., ExportQueue[str]], receiver: Receiver, port: int
) -> None:
    """Whatever the export thread is just at, what was put before is there afterwards."""
    with serving(receiver, port):
        exports = queue(delay=0.0)
        for number in range(300):
            exports.put(f"span-{number}")
            if number % 3 == 0:
                assert exports.flush(5)
                assert exports.exported == number + 1
                assert receiver.span_names()[f"span-{number}"] == 1


def test_every_item_is_counted_once_when_stopping(
    queue: Callable[..., ExportQueue[str]], receiver: Receiver, port: int
) -> None:
    """Exported or dropped, with a request on its way and threads that still put."""
    receiver.delay = 0.3
    with serving(receiver, port):
        exports = queue(batch_size=50)

        def produce() -> None:
            for _ in range(2000):
                exports.put("x")

        producers = [threading.Thread(target=produce) for _ in range(4)]
        for producer in producers:
            producer.start()
        time.sleep(0.1)
        exports.stop(0.2)
        for producer in producers:
            producer.join()
        time.sleep(0.8)  # the request that was on its way has been answered by now
    assert exports.size == 0
    assert exports.exported + sum(exports.dropped.values()) == 8000


def test_more_rejected_than_sent_is_no_negative_count(
    queue: Callable[..., ExportQueue[str]], receiver: Receiver, port: int
) -> None:
    """A collector that counts wrongly cannot make a counter go down."""
    receiver.rejected = 1000
    with serving(receiver, port):
        exports = queue()
        exports.put("a")
        exports.put("b")
        assert exports.flush(5)
    assert (exports.exported, exports.dropped["rejected"]) == (0, 2)


def test_waiting_for_the_collector_costs_no_cpu(queue: Callable[..., ExportQueue[str]]) -> None:
    """Without any delay the thread still sleeps until it is time to try again."""
    exports = queue(delay=0.0)
    exports.put("waits")
    time.sleep(0.3)
    before = time.process_time()
    time.sleep(2)
    assert time.process_time() - before < 0.4
    assert exports.size == 1


def test_a_full_batch_does_not_wait_for_the_delay(
    queue: Callable[..., ExportQueue[str]], receiver: Receiver, port: int
) -> None:
    """A long delay is no reason to fill the queue."""
    with serving(receiver, port):
        exports = queue(delay=60.0, batch_size=100)
        for number in range(100):
            exports.put(f"span-{number}")
        eventually(lambda: exports.exported == 100)


def test_what_is_held_for_a_hanging_collector_is_bounded(
    queue: Callable[..., ExportQueue[str]], receiver: Receiver, port: int
) -> None:
    """While a request hangs, items are bytes already, and no more of them than allowed."""
    receiver.delay = 6
    with serving(receiver, port):
        exports = queue(max_bytes=1_000_000)
        exports.put("first")
        eventually(lambda: exports.size == 1)
        time.sleep(0.2)
        tracemalloc.start()
        for _ in range(2000):
            exports.put("x" * 10_000)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert held < 3_000_000
    assert exports.dropped["queue_full"] > 1800


def test_a_thread_that_cannot_be_had_is_tried_for_again(
    queue: Callable[..., ExportQueue[str]],
    receiver: Receiver,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The limit of threads is no exception in the application, and export starts later."""
    exports = queue()

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refused)
        exports.put("first")
        assert not exports.flush(0.1)
    with serving(receiver, port):
        exports.put("second")
        assert exports.flush(5)
    assert receiver.span_names() == {"first": 1, "second": 1}


def test_large_amounts_are_sent_in_bounded_requests(
    queue: Callable[..., ExportQueue[str]], receiver: Receiver, port: int
) -> None:
    """No request has more items than the batch size."""
    with serving(receiver, port):
        exports = queue(batch_size=100)
        for number in range(1000):
            exports.put(f"span-{number}")
        assert exports.flush(10)
    assert len(receiver.spans) == 1000
    assert len(receiver.requests) >= 10


def test_gzip_and_headers_are_sent(receiver: Receiver, port: int) -> None:
    """OTEL_EXPORTER_OTLP_HEADERS and COMPRESSION reach the wire."""
    url = f"http://127.0.0.1:{port}{PATH}"
    sender = OtlpSender(EndpointSettings(url, headers={"x-tenant": "t1"}, gzip=True), Names())
    receiver.status = 400
    with serving(receiver, port):
        assert sender(b"body").outcome is Outcome.REFUSED
    sender.close()
    [headers] = receiver.seen_headers
    assert headers["x-tenant"] == "t1"
    assert headers["content-encoding"] == "gzip"
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("url", ["nonsense", "ftp://host/"])
def test_an_address_that_makes_no_sense_is_a_refusal(url: str) -> None:
    """It is not asked for ever again and does not raise."""
    reply = OtlpSender(EndpointSettings(url), Names())(b"")
    assert reply.outcome is Outcome.REFUSED


def test_a_sender_that_raises_is_survived(log_lines: Lines) -> None:
    """A bug in sending is counted and tried again."""

    class Buggy:
        calls = 0
        closed = False

        def __call__(self, body: bytes) -> Reply:
            assert body
            self.calls += 1
            if self.calls == 1:
                raise RuntimeError("bug")
            return Reply(Outcome.DELIVERED)

        def close(self) -> None:
            self.closed = True

        def forget(self) -> None: ...

    sender = Buggy()
    exports: ExportQueue[str] = ExportQueue("traces", Names(), sender, QueueSettings(delay=0.01))
    exports.put("a")
    eventually(lambda: exports.exported == 1)
    assert exports.stop(1)
    assert sender.closed
    assert log_lines()[0]["event"] in {"telemetry_failed", "export_failing"}
