"""A collector for tests: takes OTLP over HTTP, decodes it, and answers as told."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support import otlp_messages


class Receiver:
    """What arrived, and how the next requests are answered."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.rejected = 0
        self.delay = 0.0
        self.requests: list[tuple[float, str, int]] = []
        self.seen_headers: list[dict[str, str]] = []
        self.spans: list[Span] = []
        self.logs: list[LogRecord] = []
        self.resources: list[dict[str, str]] = []
        self.lock = threading.Lock()

    def take(self, path: str, body: bytes, content_type: str) -> bytes:
        if path == "/v1/traces":
            traces = otlp_messages.traces(body, content_type)
            for resource in traces.resource_spans:
                self._note(resource.resource.attributes)
                for scope in resource.scope_spans:
                    self.spans.extend(scope.spans)
            return self._answer(content_type)
        for logs in otlp_messages.logs(body, content_type).resource_logs:
            self._note(logs.resource.attributes)
            for records in logs.scope_logs:
                self.logs.extend(records.log_records)
        return b""

    def _answer(self, content_type: str) -> bytes:
        if content_type == otlp_messages.JSON:
            return orjson.dumps({"partialSuccess": {"rejectedSpans": str(self.rejected)}})
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = self.rejected
        return bytes(answer.SerializeToString())

    def _note(self, attributes: object) -> None:
        pairs = {pair.key: pair.value.string_value for pair in attributes}  # type: ignore[attr-defined]  # protobuf's containers are untyped
        if pairs not in self.resources:
            self.resources.append(pairs)

    def span_names(self) -> Counter[str]:
        with self.lock:
            return Counter(span.name for span in self.spans)

    def events(self) -> Counter[str]:
        with self.lock:
            return Counter(record.body.string_value for record in self.logs)

    def statuses(self, path: str) -> list[int]:
        with self.lock:
            return [status for _, at, status in self.requests if at == path]


@contextmanager
def serving(receiver: Receiver, port: int = 0) -> Iterator[int]:
    """Serve until the block ends; yields the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            sleep(receiver.delay)
            with receiver.lock:
                status = receiver.status
                receiver.requests.append((monotonic(), self.path, status))
                receiver.seen_headers.append({k.lower(): v for k, v in self.headers.items()})
                kind = self.headers["content-type"]
                answer = receiver.take(self.path, body, kind) if status == 200 else b""
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, *_: object) -> None:
            """A client that is gone is no error of the test."""

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
