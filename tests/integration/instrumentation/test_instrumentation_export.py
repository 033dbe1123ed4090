"""Export to a real HTTP collector: down, up, slow, busy, refusing. Nothing raised or blocked."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from observability.instrumentation.exporting import ExportQueue
from observability.instrumentation.otlp import OtlpSender, rejected_spans
from observability.instrumentation.replies import Outcome, Reply
from observability.instrumentation.settings import EndpointSettings, QueueSettings
from tests.integration.instrumentation.otlp_receiver import Receiver, serving
from tests.support.waiting import eventually

Lines = Callable[[], list[dict[str, Any]]]
PATH = "/v1/traces"


def encode(names: Any) -> bytes:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for name in names:
        if name == "poison":
            raise ValueError(name)
        spans.add().name = name
    return bytes(request.SerializeToString())


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found: int = free.getsockname()[1]
        return found


@pytest.fixture
def queue(port: int) -> Iterator[Callable[..., ExportQueue[str]]]:
    made: list[ExportQueue[str]] = []

    def make(**settings: Any) -> ExportQueue[str]:
        endpoint = EndpointSettings(f"http://127.0.0.1:{port}{PATH}", timeout=2)
        sender = OtlpSender(endpoint, rejected_spans)
        made.append(ExportQueue("traces", encode, sender, QueueSettings(delay=0.02, **settings)))
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
        start = time.monotonic()
        for number in range(10_000):
            exports.put(f"span-{number}")
        assert time.monotonic() - start < 1
        start = time.monotonic()
        assert not exports.stop(0.3)
        assert time.monotonic() - start < 1
    assert exports.dropped["shutdown"] >= 10_000
    exports.put("too late")
    assert exports.dropped["shutdown"] >= 10_001


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
    sender = OtlpSender(EndpointSettings(url, {"x-tenant": "t1"}, gzip=True), rejected_spans)
    receiver.status = 400
    with serving(receiver, port):
        assert sender(b"body").outcome is Outcome.REFUSED
    sender.close()
    [headers] = receiver.seen_headers
    assert headers["x-tenant"] == "t1"
    assert headers["content-encoding"] == "gzip"
    assert headers["content-type"] == "application/x-protobuf"


@pytest.mark.parametrize("url", ["nonsense", "ftp://host/"])
def test_an_address_that_makes_no_sense_is_a_refusal(url: str) -> None:
    """It is not asked for ever again and does not raise."""
    reply = OtlpSender(EndpointSettings(url), rejected_spans)(b"")
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

    sender = Buggy()
    exports: ExportQueue[str] = ExportQueue("traces", encode, sender, QueueSettings(delay=0.01))
    exports.put("a")
    eventually(lambda: exports.exported == 1)
    assert exports.stop(1)
    assert sender.closed
    assert log_lines()[0]["event"] in {"telemetry_failed", "export_failing"}
