"""The service map: its edges, and that each of its nodes leads to the service's dashboard."""

import time
from collections.abc import Iterator, Mapping

from observability.boards import Board, Panel
from observability.proof.verify.finding import Finding
from observability.proof.verify.hops import CHECK
from observability.proof.verify.leads import broken_link, data_links
from observability.proof.verify.live import Live, eventually

GRAPH = "traces_service_graph_calls_total"
SPANS = "traces_span_metrics_calls_total"
DASHBOARD = "service-detail"
#: Where Grafana puts what a node is called.
_NODE = "${__value.raw}"


async def on_map(live: Live, kind: str, client: str, server: str | None = None) -> Finding:
    """The service graph, made of spans, has seen this edge lately, or any that begins there."""
    matchers = {"connection_type": kind, "client": client} | ({"server": server} if server else {})
    labels = ",".join(f'{name}="{value}"' for name, value in matchers.items())

    async def seen() -> float | None:
        window = max(time.time() - live.since, 15)
        return await live.prometheus.scalar(
            f"sum(increase({GRAPH}{{{labels}}}[{window:.0f}s])) > 0"
        )

    calls = await eventually(seen)
    edge = f"{client} → {server or '…'}" + (" by queue" if kind == "messaging" else "")
    detail = f"{calls:.0f} calls lately" if calls else f"no calls in {GRAPH}{{{labels}}}"
    return Finding(CHECK, f"service map has {edge}", bool(calls), detail)


async def nodes(live: Live, boards: Mapping[str, Board]) -> list[Finding]:
    """Each node that makes spans is linked to the service dashboard, and a choice of it.

    Those that only others speak of, such as a payment provider, have no dashboard to lead to.
    """
    links = [link for board in boards.values() for link in _node_links(board)]
    samples = await live.prometheus.instant(
        f"count by (client) ({GRAPH}) or label_replace("
        f'count by (server) ({GRAPH}{{connection_type!="database"}}) and on (server) '
        f'label_replace({SPANS}, "server", "$1", "service_name", "(.+)"), '
        '"client", "$1", "server", "(.+)")'
    )
    there = {sample.labels["client"] for sample in samples if "client" in sample.labels}
    services = set(await live.services())
    return [_node(node, links, boards, known=node in services) for node in sorted(there)]


def _node(node: str, links: list[str], boards: Mapping[str, Board], *, known: bool) -> Finding:
    filled = [link.replace(_NODE, node) for link in links]
    wanted = [
        link for link in filled if f"/d/{DASHBOARD}?" in link and f"var-service={node}" in link
    ]
    problem = broken_link(wanted[0], boards) if wanted else "no panel of the map links its nodes"
    if not known:
        problem = "is no service that is scraped: not a choice of the service dashboard"
    detail = problem or wanted[0]
    return Finding(CHECK, f"map node → dashboard: {node}", problem is None, detail)


def _node_links(board: Board) -> Iterator[str]:
    maps: list[Panel] = [panel for panel in board.panels if panel.kind == "nodeGraph"]
    for panel in maps:
        yield from data_links(panel)
