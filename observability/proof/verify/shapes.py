"""Spans and log lines look as the semantic conventions say, whoever wrote them.

Sources: https://opentelemetry.io/docs/specs/semconv/http/http-spans/,
https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/,
https://opentelemetry.io/docs/specs/semconv/database/database-spans/.
"""

import re
import time
from collections.abc import Iterable

from observability.proof.verify.finding import Finding
from observability.proof.verify.hops import traces_of
from observability.proof.verify.live import Live, for_each
from observability.query import LogLine, Span

CHECK = "shape"
_TRACES = 8
_LINES = 200
LOG_LABELS = frozenset(
    {"service_name", "service_namespace", "deployment_environment_name", "level", "log_stream"}
)
RESOURCE = (
    "service.name",
    "service.namespace",
    "service.version",
    "service.instance.id",
    "deployment.environment.name",
)
_HTTP = "http.request.method"
_DATABASE = "db.system.name"
_MESSAGING = (
    "messaging.system",
    "messaging.destination.name",
    "messaging.operation.name",
    "messaging.operation.type",
)
#: Attributes that a span of a kind must have, by what it is about.
REQUIRED: dict[str, tuple[str, ...]] = {
    "server": (_HTTP, "url.path", "url.scheme", "server.address", "http.response.status_code"),
    "client http": (_HTTP, "url.full", "server.address", "server.port"),
    "client database": (_DATABASE, "db.namespace", "db.operation.name"),
    "producer": _MESSAGING,
    "consumer": _MESSAGING,
}
_LEVELS = frozenset({"debug", "info", "warning", "error", "critical"})
#: What a constant does not hold: figures, ids, addresses of mail.
_VARIABLE = re.compile(r"\d{3,}|[0-9a-f]{12,}|\w@\w")
_TRACE_ID = re.compile(r"[0-9a-f]{32}$")
_SPAN_ID = re.compile(r"[0-9a-f]{16}$")
#: Every request is logged once by the library, within the request's span.
REQUEST_EVENT = "request_finished"


async def check(live: Live) -> list[Finding]:
    """Findings of every service, and of the labels of all streams."""
    found = await for_each(await live.services(), lambda name: check_service(live, name))
    return [*(finding for one in found for finding in one), await _labels(live)]


async def check_service(live: Live, service: str) -> list[Finding]:
    """Findings of one service: its spans by kind, and its log lines."""
    traces = await traces_of(live, service, None, _TRACES)
    spans = [span for trace in traces for span in trace.spans if span.service == service]
    query = f'{{service_name="{service}"}}'
    lines = await live.loki.lines(query, live.since, time.time() + 1, limit=_LINES)
    return [*_spans(service, spans), *_lines(service, lines)]


def _spans(service: str, spans: list[Span]) -> list[Finding]:
    if not spans:
        return [Finding(CHECK, f"spans of {service}", False, "Jaeger has no fresh span of it")]
    by_kind: dict[str, list[Span]] = {}
    for span in spans:
        by_kind.setdefault(_kind(span), []).append(span)
    findings = [_resource(service, spans)]
    for kind, those in sorted(by_kind.items()):
        wrong = next((why for span in those if (why := wrong_with(span))), None)
        subject = f"{kind} spans of {service}"
        findings.append(
            Finding(CHECK, subject, wrong is None, wrong or f"{len(those)} as they should be")
        )
    return findings


def _resource(service: str, spans: Iterable[Span]) -> Finding:
    missing = sorted({key for span in spans for key in RESOURCE if not span.resource.get(key)})
    detail = f"lacks {', '.join(missing)}" if missing else ", ".join(RESOURCE)
    return Finding(CHECK, f"resource of {service}", not missing, detail)


def _kind(span: Span) -> str:
    if span.kind != "client":
        return span.kind
    return "client database" if _DATABASE in span.attributes else "client http"


def wrong_with(span: Span) -> str | None:
    """What a span lacks of the conventions of its kind; None if nothing."""
    kind = _kind(span)
    missing = [key for key in REQUIRED.get(kind, ()) if span.attributes.get(key) in {None, ""}]
    if missing:
        return f"“{span.name}” in {span.trace_id} lacks {', '.join(missing)}"
    said = {"error.type", "http.response.status_code"} & span.attributes.keys()
    if span.error and not said and not span.events:
        return f"“{span.name}” in {span.trace_id} failed and does not say why (error.type)"
    if kind == "client http" and not said:
        return f"“{span.name}” in {span.trace_id} has neither a status code nor an error.type"
    if kind == "server" and (problem := _server_name(span)):
        return problem
    return None


def _server_name(span: Span) -> str | None:
    route = span.attributes.get("http.route")
    method = span.attributes[_HTTP]
    expected = f"{'HTTP' if method == '_OTHER' else method} {route}" if route else str(method)
    if span.name in {expected, "HTTP"} or not route:
        return None
    return f"“{span.name}” in {span.trace_id} should be called “{expected}”"


def _lines(service: str, lines: list[LogLine]) -> list[Finding]:
    subject = f"log lines of {service}"
    if not lines:
        return [Finding(CHECK, subject, False, "Loki has no fresh line of it")]
    app = [line for line in lines if line.fields.get("log_stream") == "app"]
    problems = [why for line in app if (why := wrong_with_line(line))]
    detail = problems[0] if problems else f"{len(app)} as they should be"
    findings = [Finding(CHECK, subject, not problems, detail)]
    requests = [line for line in app if line.line == REQUEST_EVENT]
    without = [line for line in requests if not (line.trace_id and line.span_id)]
    if requests:
        detail = (
            f"{len(without)} of {len(requests)} lack trace_id or span_id"
            if without
            else f"{len(requests)} with trace_id and span_id"
        )
        findings.append(Finding(CHECK, f"request lines of {service}", not without, detail))
    return findings


def wrong_with_line(line: LogLine) -> str | None:
    """What is wrong with a line of the stream `app`; None if nothing."""
    fields = line.fields
    if fields.get("level") not in _LEVELS:
        return f"level {fields.get('level')!r} of “{line.line[:60]}” is none of the levels"
    if line.trace_id and not _TRACE_ID.match(line.trace_id):
        return f"trace_id {line.trace_id!r} is not 32 hexadecimal digits"
    if line.span_id and not _SPAN_ID.match(line.span_id):
        return f"span_id {line.span_id!r} is not 16 hexadecimal digits"
    missing = [key for key in ("service_version", "service_instance_id") if not fields.get(key)]
    if missing:
        return f"“{line.line[:60]}” lacks {', '.join(missing)}"
    if fields.get("scope_name") == "observability" and _VARIABLE.search(line.line):
        return f"event “{line.line[:60]}” is not a constant: move what varies to fields"
    return None


async def _labels(live: Live) -> Finding:
    found = set(await live.loki.label_names(live.since, time.time()))
    found -= {"__stream_shard__"}
    wrong = sorted(found ^ LOG_LABELS)
    detail = ", ".join(sorted(found))
    if wrong:
        detail = f"too many or missing: {', '.join(wrong)}"
    return Finding(CHECK, "stream labels of the log store", not wrong, detail)
