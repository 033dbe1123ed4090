"""``instrument(app)``: the three signals of one app, joined."""

import atexit
import os
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary, ref

import anyio.to_thread
from fastapi import FastAPI
from starlette.types import ASGIApp

from observability.instrumentation import (
    delivery,
    environment,
    http_client,
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
from observability.instrumentation.registry import GuardedRegistry
from observability.instrumentation.stdout import stdout

EXIT_FLUSH_SECONDS = 2.0
LAST_FLUSH_SECONDS = 0.5

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
        log_limits: how large a log record may be.
        disabled_instrumentations: names of libraries that are not to be observed.
        access_log: whether each request is logged.
        prints: whether log records also go to standard output; not so in a command.
    """

    def __init__(self, name: str, version: str | None, *, prints: bool = True) -> None:
        self.prints = prints
        found = settings.load()
        self.resource = resource.build(name, version)
        self.service_name = resource.text(self.resource, "service.name")
        self.access_log = found.access_log
        self.log_limits = found.log_limits
        self.disabled_instrumentations = found.disabled_instrumentations
        self.spans = delivery.span_queue(found.traces)
        self.logs = delivery.log_queue(found.logs, lambda: self.resource)
        self.tracer_provider = tracing.build_provider(self.resource, self.spans)
        self.logger_provider = log_records.build_provider(self.resource, self.logs)
        self.tracer = self.tracer_provider.get_tracer(tracing.SCOPE_NAME)
        self.registry = GuardedRegistry()
        self.server_metrics = ServerMetrics(self.registry)
        self.registry.register(Identity(lambda: self.resource))
        self.registry.register(OwnHealth(self._queues()))
        self.page = Page(self.registry)
        self._drained = False

    def flush(self, timeout: float | None = None) -> bool:
        """Send all spans and logs made so far; blocks at most ``timeout`` seconds.

        Args:
            timeout: by default ``OTEL_BSP_EXPORT_TIMEOUT`` and ``OTEL_BLRP_EXPORT_TIMEOUT``,
                or 5 s.

        Returns:
            Whether nothing is left.
        """
        return self._all_queues(ExportQueue.flush, timeout)

    def drain(self, timeout: float | None = None) -> bool:
        """Flush before the process ends; a collector that was never there is not waited for."""
        self._drained = True
        return self._all_queues(ExportQueue.drain, timeout)

    def drain_at_exit(self) -> None:
        """Drain before the interpreter ends: briefly, if that was done in the lifespan already."""
        limit = LAST_FLUSH_SECONDS if self._drained else EXIT_FLUSH_SECONDS
        self.drain(limit)
        stdout.drain(limit)

    def shutdown(self, timeout: float | None = None) -> bool:
        """Flush and stop; what is logged or traced after it is counted as dropped.

        Returns:
            Whether nothing was left.
        """
        state.remove(self)
        return self._all_queues(ExportQueue.stop, timeout)

    def renew(self) -> None:
        """Go on as an instance of its own in a forked child: the export threads are not there."""
        # OpenTelemetry has given its providers a new `service.instance.id` just before.
        self.resource = self.tracer_provider.resource
        for queue in self._queues():
            queue.renew()

    def _all_queues(
        self, act: Callable[[ExportQueue[Any], float, float], bool], timeout: float | None
    ) -> bool:
        """Do it to all queues within one bound: they are sent at the same time."""
        begun = time.monotonic()
        for queue in self._queues():
            queue.hurry()
        results = [
            act(queue, queue.settings.drain_timeout if timeout is None else timeout, begun)
            for queue in self._queues()
        ]
        return all(results)

    def _queues(self) -> list[ExportQueue[Any]]:
        return [queue for queue in (self.spans, self.logs) if queue is not None]


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
        environment.mend()
        environment.tell()
        telemetry = Telemetry(service_name or _title(app), service_version or app.version)
        _by_app[app] = telemetry
        state.add(telemetry)
        for name, step in (
            ("runtime", _observe_process),
            ("logs", _join_logs),
            ("httpx", _observe_clients),
            ("http", _observe_requests),
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


def _observe_process(_: FastAPI, telemetry: Telemetry) -> None:
    runtime.install()
    alive = ref(telemetry)

    def drain() -> None:
        found = alive()
        if found is not None:
            found.drain_at_exit()

    def renew() -> None:
        found = alive()
        if found is not None:
            found.renew()

    atexit.register(drain)
    os.register_at_fork(after_in_child=renew)


def _join_logs(_: FastAPI, __: Telemetry) -> None:
    logs.configure_structlog()
    stdlib_logs.route()


def _observe_clients(_: FastAPI, telemetry: Telemetry) -> None:
    if not {"httpx", "*"} & telemetry.disabled_instrumentations:
        http_client.observe_all_clients()


def _observe_requests(app: FastAPI, telemetry: Telemetry) -> None:
    build_plain = app.build_middleware_stack
    try:
        tracing.trace_requests(app, telemetry.tracer_provider)
    except Exception as error:
        process.failed("instrument_traces", error)
    build_traced = app.build_middleware_stack

    def build_observed() -> ASGIApp:
        try:
            stack = build_traced()
        except Exception as error:
            process.failed("instrument_traces", error)
            stack = build_plain()
        spans = tracing.span_middleware(stack)
        unobserved = stack if spans is None else spans.app
        # Inside the span, around everything else: sees the final status and the whole time.
        observed = RequestTelemetry(unobserved, telemetry, app.routes)
        if spans is not None:
            spans.app = observed
            spans.default_span_details = tracing.span_details
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
                await _drain(telemetry)

    app.router.lifespan_context = observed


async def _drain(telemetry: Telemetry) -> None:
    try:
        await anyio.to_thread.run_sync(telemetry.drain)
    except Exception as error:
        process.failed("lifespan", error)
