"""Spans: the provider, the server span of each request, and the context they travel in.

The only module that creates server spans: a faster way would replace :func:`trace_requests`.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager

from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.trace import (
    ProxyTracerProvider,
    Span,
    SpanContext,
    Tracer,
    format_span_id,
    format_trace_id,
)
from opentelemetry.util.types import AttributeValue
from starlette.types import ASGIApp, Scope

from observability.instrumentation import state
from observability.instrumentation.exporting import ExportQueue
from observability.instrumentation.health import process
from observability.instrumentation.routes import OTHER_METHOD, method_label
from observability.instrumentation.values import MAX_TEXT

SCOPE_NAME = "observability"
MAX_QUERY = 512


class QueueSpanProcessor(SpanProcessor):
    """Hands each finished sampled span to the export queue."""

    def __init__(self, queue: ExportQueue[ReadableSpan]) -> None:
        self._queue = queue

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        """Nothing to do before a span ends."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue the span if it is sampled; comes out of the application's own code."""
        try:
            context = span.get_span_context()
            if context is not None and context.trace_flags.sampled:
                self._queue.put(span)
        except Exception as error:
            process.failed("traces", error)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is queued; see :meth:`ExportQueue.flush`."""
        return self._queue.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Send what is queued and take no more."""
        self._queue.stop(self._queue.settings.drain_timeout)


def build_provider(resource: Resource, queue: ExportQueue[ReadableSpan] | None) -> TracerProvider:
    """Make the provider, with the sampler that the environment asks for.

    It also becomes the global one if none is set, so that spans made with OpenTelemetry's own
    API end up in the same traces.
    """
    limited = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT" in os.environ
    limits = SpanLimits(max_attribute_length=None if limited else MAX_TEXT)
    provider = TracerProvider(resource=resource, shutdown_on_exit=False, span_limits=limits)
    if queue is not None:
        provider.add_span_processor(QueueSpanProcessor(queue))
    if isinstance(trace.get_tracer_provider(), ProxyTracerProvider):
        trace.set_tracer_provider(provider)
    return provider


def trace_requests(app: FastAPI, provider: TracerProvider) -> None:
    """Give each request a SERVER span (stable HTTP conventions, one span a request)."""
    _opt_in_to_stable_names()
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=provider,
        meter_provider=NoOpMeterProvider(),
        exclude_spans=["receive", "send"],
    )


def _opt_in_to_stable_names() -> None:
    """Choose ``http.request.method`` over ``http.method`` and so on, whatever else is chosen."""
    variable = "OTEL_SEMCONV_STABILITY_OPT_IN"
    chosen = [name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()]
    if not {"http", "http/dup"} & set(chosen):
        os.environ[variable] = ",".join([*chosen, "http"])


def span_details(scope: Scope) -> tuple[str, dict[str, str]]:
    """Name and attributes that a server span begins with; the route is not known yet.

    OpenTelemetry's own way looks for the route by trying them all, and once the application has
    done the same, what it found is at hand.
    """
    name = span_method(method_label(scope["method"])) if scope["type"] == "http" else "WS"
    query = scope.get("query_string")
    return name, {"url.query": _redacted(query)} if query else {}


def _redacted(query: bytes) -> str:
    """Return the names in a query without their values, which may be secret."""
    parts = query[:MAX_QUERY].decode("utf-8", "replace").split("&")
    pairs = [part.partition("=") for part in parts]
    return "&".join(f"{name}=REDACTED" if equals else "REDACTED" for name, equals, _ in pairs)


def span_method(label: str) -> str:
    """Return what a span's name says for a method's label."""
    return "HTTP" if label == OTHER_METHOD else label


def span_middleware(stack: ASGIApp) -> OpenTelemetryMiddleware | None:
    """Find the middleware that makes the server spans in a built stack."""
    layer: object = stack
    while layer is not None and not isinstance(layer, OpenTelemetryMiddleware):
        layer = getattr(layer, "app", None)
    return layer


def tracer() -> Tracer:
    """Return the tracer of the telemetry in charge (one that does nothing if there is none)."""
    telemetry = state.current()
    return telemetry.tracer if telemetry is not None else trace.get_tracer(SCOPE_NAME)


def current_trace_id() -> str | None:
    """Return the trace id of the code that runs now, 32 hex digits, or None outside a trace."""
    context = trace.get_current_span().get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else None


def exemplar(context: SpanContext | None = None) -> dict[str, str] | None:
    """Return the exemplar labels of a span, by default the current one; None if not sampled."""
    if context is None:
        context = trace.get_current_span().get_span_context()
    if not (context.is_valid and context.trace_flags.sampled):
        return None
    return {
        "trace_id": format_trace_id(context.trace_id),
        "span_id": format_span_id(context.span_id),
    }


@contextmanager
def span(name: str, **attributes: AttributeValue) -> Generator[Span, None, None]:
    """Wrap a step of one's own in a child of the current one.

    As in ``with span("price_cart", items=3)``.

    Args:
        name: constant, few words.
        attributes: what varies.
    """
    with tracer().start_as_current_span(name, attributes=attributes) as started:
        yield started
