"""The live service map: rate, errors and latency of services and of the calls among them."""

import asyncio
import math
from collections.abc import Iterable

from observability.console.charts.graph import Edge, Figures, ServiceMap
from observability.query import Prometheus, Sample

_HTTP = "http_server_request_duration_seconds"
_QUEUE = "messaging_process_duration_seconds"
_GRAPH = "traces_service_graph"
_WINDOW = "[2m]"
_KNOWN = 'up{job="services"}'
_CALLS = 'connection_type!="database"'

QUERIES = {
    "known": f"max by (service_name) ({_KNOWN})",
    "rate": f"sum by (service_name) (rate({_HTTP}_count{{job='services'}}{_WINDOW}))",
    "failed": (
        "sum by (service_name) (rate("
        f"{_HTTP}_count{{job='services',http_response_status_code=~'5..'}}{_WINDOW}))"
    ),
    "p95": (
        "histogram_quantile(0.95, sum by (le, service_name) ("
        f"rate({_HTTP}_bucket{{job='services',http_route!~'.*/stream'}}{_WINDOW})))"
    ),
    "handled": f"sum by (service_name) (rate({_QUEUE}_count{_WINDOW}))",
    "mishandled": f"sum by (service_name) (rate({_QUEUE}_count{{outcome='error'}}{_WINDOW}))",
    "handled_p95": (
        f"histogram_quantile(0.95, sum by (le, service_name) (rate({_QUEUE}_bucket{_WINDOW})))"
    ),
    "calls": (
        "sum by (client, server, connection_type) "
        f"(rate({_GRAPH}_calls_total{{{_CALLS}}}{_WINDOW}))"
    ),
    "failed_calls": (
        "sum by (client, server, connection_type) (rate("
        f"{_GRAPH}_calls_total{{{_CALLS},status_code='STATUS_CODE_ERROR'}}{_WINDOW}))"
    ),
    "calls_p95": (
        "histogram_quantile(0.95, sum by (le, client, server, connection_type) "
        f"(rate({_GRAPH}_duration_seconds_bucket{{{_CALLS}}}{_WINDOW})))"
    ),
}
Key = tuple[str, ...]


async def service_map(prometheus: Prometheus, at: float) -> ServiceMap:
    """The map as of a moment (unix seconds), over the two minutes before it.

    Raises:
        BackendError: Prometheus does not answer.
    """
    answers = await asyncio.gather(*(prometheus.instant(query, at) for query in QUERIES.values()))
    return assembled(dict(zip(QUERIES, answers, strict=True)))


def assembled(answers: dict[str, list[Sample]]) -> ServiceMap:
    """The map from the answers to `QUERIES`; what only handles messages is counted by those."""
    by_service = {
        name: _keyed(answers[name], "service_name")
        for name in ("rate", "failed", "p95", "handled", "mishandled", "handled_p95")
    }
    edges = _edges(answers)
    names = dict.fromkeys(sorted(sample.labels["service_name"] for sample in answers["known"]))
    for edge in edges:
        names.update(dict.fromkeys((edge.client, edge.server)))
    return ServiceMap({name: _node((name,), by_service) for name in names}, edges)


def _node(key: Key, found: dict[str, dict[Key, float]]) -> Figures:
    http = found["rate"].get(key, 0.0)
    if http > 0:
        return _figures(http, found["failed"].get(key), found["p95"].get(key))
    handled = found["handled"].get(key)
    return _figures(handled, found["mishandled"].get(key), found["handled_p95"].get(key))


def _edges(answers: dict[str, list[Sample]]) -> list[Edge]:
    labels = ("client", "server", "connection_type")
    failed, p95 = (_keyed(answers[name], *labels) for name in ("failed_calls", "calls_p95"))
    return [
        Edge(key[0], key[1], key[2], _figures(rate, failed.get(key), p95.get(key)))
        for key, rate in _keyed(answers["calls"], *labels).items()
        if rate > 0 and all(key)
    ]


def _figures(rate: float | None, failed: float | None, p95: float | None) -> Figures:
    measured = None if p95 is None or math.isnan(p95) else p95
    return Figures(rate, (failed or 0.0) / rate if rate else None, measured)


def _keyed(samples: Iterable[Sample], *labels: str) -> dict[Key, float]:
    return {tuple(one.labels.get(name, "") for name in labels): one.value for one in samples}
