"""The service map: every service is there, its edges are measured and whole in the traces."""

import time
from dataclasses import dataclass

from observability.proof.verify import queues
from observability.proof.verify.finding import Finding
from observability.proof.verify.hops import CHECK
from observability.proof.verify.live import Live, eventually, for_each
from observability.proof.verify.service_map import on_map
from observability.query import Search, Span, Trace
from observability.stack.config import load_config

_TRACES = 5
#: How far back an edge is looked for.
_LATELY_SECONDS = 600


@dataclass(frozen=True)
class Edge:
    """One service that calls another."""

    client: str
    server: str

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.client} → {self.server}"


async def check(live: Live) -> list[Finding]:
    """Findings of every service of belfry.toml, and of every edge that their own figures show."""
    services = await live.services()
    calls = await _calls(live, services)
    return [
        *_missing(live, services),
        *await for_each(calls, lambda edge: _call(live, edge)),
        *await for_each(calls, lambda edge: on_map(live, "http", edge.client, edge.server)),
        *await queues.check(live),
    ]


def _missing(live: Live, services: list[str]) -> list[Finding]:
    """What belfry.toml names and nobody scrapes."""
    config = load_config(live.settings.config)
    detail = f"is in {live.settings.config.name}, and Prometheus has no target of it"
    return [
        Finding(CHECK, f"scraped: {name}", False, detail)
        for name in sorted({*config.services, *config.targets} - {*services})
    ]


async def _calls(live: Live, services: list[str]) -> list[Edge]:
    """HTTP calls made lately, by the callers' own metrics."""
    samples = await live.prometheus.instant(
        "sum by (service_name, server_address)"
        f" (increase(http_client_request_duration_seconds_count[{_LATELY_SECONDS}s])) > 0"
    )
    edges = [Edge(one.labels["service_name"], one.labels["server_address"]) for one in samples]
    return sorted((edge for edge in edges if edge.server in services), key=lambda edge: edge.name)


async def _call(live: Live, edge: Edge) -> Finding:
    """The called service's span is the child of the caller's, and the other way round."""

    async def whole() -> tuple[Span, Span] | None:
        for trace in await _with_call(live, edge):
            for span in trace.spans:
                child = _child(trace, span, "server") if _calls_out(span, edge) else None
                if child and child.service == edge.server:
                    return span, child
        return None

    found = await eventually(whole)
    subject = f"call in one trace: {edge.name}"
    if found is None:
        detail = (
            f"in the freshest traces of {edge.client} with such a call, no server span of "
            f"{edge.server} is the child of the client's: is the context carried?"
        )
        return Finding(CHECK, subject, False, detail)
    return Finding(CHECK, subject, True, f"{found[0].name} → {found[1].name}")


async def _with_call(live: Live, edge: Edge) -> list[Trace]:
    """Fresh ones, else those that the figures are of: what is in a cache is not called for."""
    now = time.time()
    for since in (live.since, now - _LATELY_SECONDS):
        peer = {"peer.service": edge.server}
        search = Search(edge.client, since, now + 1, attributes=peer, limit=_TRACES)
        if found := await live.jaeger.search(search):
            return found
    return []


def _calls_out(span: Span, edge: Edge) -> bool:
    peer = span.attributes.get("peer.service")
    return (span.service, span.kind, peer) == (edge.client, "client", edge.server)


def _child(trace: Trace, span: Span, kind: str) -> Span | None:
    children = (one for one in trace.spans if one.parent_id == span.span_id)
    return next((one for one in children if one.kind == kind), None)
