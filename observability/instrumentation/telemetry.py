"""``instrument(app)``: the three signals of one app, joined."""

import atexit
import threading
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary, ref

import anyio.to_thread
from fastapi import FastAPI
from opentelemetry.sdk.trace import ReadableSpan
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from observability.instrumentation import (
    log_records,
    logs,
    resource,
    runtime,
    settings,
    state,
    stdlib_logs,
    tracing,
)
from observability.instrumentation.asgi import Gate, RequestTelemetry, ServerMetrics
from observability.instrumentation.exporting import ExportQueue
from observability.instrumentation.exposition import Identity, OwnHealth, Page
from observability.instrumentation.health import process
from observability.instrumentation.log_records import LogEncoder, QueuedLog
from observability.instrumentation.otlp import OtlpSender, rejected_logs, rejected_spans

EXIT_FLUSH_SECONDS = 2.0

_by_app: WeakKeyDictionary[FastAPI, "Telemetry"] = WeakKeyDictionary()
_instrumenting = threading.Lock()


class Telemetry:
    """The telemetry of one app; :func:`instrument` makes it.

    Attributes:
        service_name: the name that all three signals carry.
        resource: the whole identity.
        registry: metrics of this app alone; those of the process are shown beside them.
        tracer_provider: for spans by OpenTelemetry's own API.
        logger_provider: for log records by OpenTelemetry's own API.
        tracer: makes the library's own spans.
        spans: the queue of finished spans, None when they are not exported.
        logs: the queue of log records, None when they are not exported.
        access_log: whether each request is logged.
        prints: whether log records also go to standard output; not so in a command.
    """

    def __init__(self, name: str, version: str | None, *, prints: bool = True) -> None:
        self.prints = prints
        found = settings.load()
        self.settings = found
        self.resource = resource.build(name, version)
        self.service_name = resource.text(self.resource, "service.name")
        self.access_log = found.access_log
        self.spans = self._span_queue()
        self.logs = self._log_queue()
        self.tracer_provider = tracing.build_provider(self.resource, self.spans)
        self.logger_provider = log_records.build_provider(self.resource, self.logs)
        self.tracer = self.tracer_provider.get_tracer(tracing.SCOPE_NAME)
        self.registry = CollectorRegistry()
        self.server_metrics = ServerMetrics(self.registry)
        self.registry.register(Identity(self.resource))
        self.registry.register(OwnHealth(self._queues()))
        self.page = Page(self.registry)

    def flush(self, timeout: float | None = None) -> bool:
        """Send all spans and logs made so far; blocks at most ``timeout`` seconds.

        Args:
            timeout: by default ``OTEL_BSP_EXPORT_TIMEOUT`` and ``OTEL_BLRP_EXPORT_TIMEOUT``,
                or 5 s.

        Returns:
            Whether nothing is left.
        """
        return self._all_queues("flush", timeout)

    def drain(self, timeout: float | None = None) -> bool:
        """Flush before the process ends; a collector that was never there is not waited for."""
        return self._all_queues("drain", timeout)

    def shutdown(self, timeout: float | None = None) -> bool:
        """Flush and stop; what is logged or traced after it is counted as dropped.

        Returns:
            Whether nothing was left.
        """
        state.remove(self)
        return self._all_queues("stop", timeout)

    def _all_queues(self, action: str, timeout: float | None) -> bool:
        """Do it to all queues at the same time, so that the bound is not multiplied."""
        results: list[bool] = []

        def act(queue: ExportQueue[Any]) -> None:
            limit = queue.settings.drain_timeout if timeout is None else timeout
            results.append(getattr(queue, action)(limit))

        threads = [threading.Thread(target=act, args=(queue,)) for queue in self._queues()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return all(results)

    def _queues(self) -> list[ExportQueue[Any]]:
        return [queue for queue in (self.spans, self.logs) if queue is not None]

    def _span_queue(self) -> ExportQueue[ReadableSpan] | None:
        signal = self.settings.traces
        if signal.endpoint is None:
            return None
        sender = OtlpSender(signal.endpoint, rejected_spans)
        return ExportQueue("traces", tracing.encode, sender, signal.queue)

    def _log_queue(self) -> ExportQueue[QueuedLog] | None:
        signal = self.settings.logs
        if signal.endpoint is None:
            return None
        sender = OtlpSender(signal.endpoint, rejected_logs)
        return ExportQueue("logs", LogEncoder(self.resource), sender, signal.queue)


def instrument(
    app: FastAPI, service_name: str | None = None, service_version: str | None = None
) -> Telemetry:
    """Give an app metrics on ``/metrics``, spans and logs over OTLP, all joined.

    The environment decides the rest: ``OTEL_SERVICE_NAME``, ``OTEL_RESOURCE_ATTRIBUTES``,
    ``OTEL_EXPORTER_OTLP_ENDPOINT`` and their kin. Call it before the app serves; a second call
    returns the same telemetry.

    Args:
        app: the FastAPI application.
        service_name: used unless the environment has one; by default the app's title.
        service_version: used unless the environment has one; by default the app's version.
    """
    with _instrumenting:
        known = _by_app.get(app)
        if known is not None:
            return known
        telemetry = Telemetry(service_name or _title(app), service_version or app.version)
        _by_app[app] = telemetry
        state.add(telemetry)
        runtime.install()
        for name, step in (
            ("logs", _join_logs),
            ("traces", _observe_requests),
            ("lifespan", _wrap_lifespan),
        ):
            try:
                step(app, telemetry)
            except Exception as error:
                # An app that is only partly observed is better than one that does not start.
                process.failed(f"instrument_{name}", error)
        return telemetry


def _title(app: FastAPI) -> str:
    return app.title if app.title != "FastAPI" else "unknown_service"


def _join_logs(_: FastAPI, __: Telemetry) -> None:
    logs.configure_structlog()
    stdlib_logs.route()


def _observe_requests(app: FastAPI, telemetry: Telemetry) -> None:
    tracing.trace_requests(app, telemetry.tracer_provider)
    build = app.build_middleware_stack

    def build_observed() -> ASGIApp:
        stack = build()
        spans = tracing.span_middleware(stack)
        unobserved = stack if spans is None else spans.app
        # Inside the span, around everything else: sees the final status and the whole time.
        observed = RequestTelemetry(unobserved, telemetry, app.routes)
        if spans is not None:
            spans.app = observed
        return Gate(spans or observed, observed, unobserved, telemetry.page)

    vars(app)["build_middleware_stack"] = build_observed


def _wrap_lifespan(app: FastAPI, telemetry: Telemetry) -> None:
    original = app.router.lifespan_context

    @asynccontextmanager
    async def observed(running: FastAPI) -> AsyncGenerator[Any, None]:
        stdlib_logs.route()
        inner: AbstractAsyncContextManager[Any] = original(running)
        async with runtime.watch_event_loop():
            try:
                async with inner as passed_on:
                    yield passed_on
            finally:
                await anyio.to_thread.run_sync(telemetry.drain)

    app.router.lifespan_context = observed
    _flush_at_exit(telemetry)


def _flush_at_exit(telemetry: Telemetry) -> None:
    alive = ref(telemetry)

    def flush() -> None:
        found = alive()
        if found is not None:
            found.drain(EXIT_FLUSH_SECONDS)

    atexit.register(flush)
