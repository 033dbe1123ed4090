"""What Grafana asks when somebody goes from a span to log lines or metrics: it has answers."""

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from observability.proof.verify.finding import Finding
from observability.proof.verify.hops import CHECK, traces_of
from observability.proof.verify.live import Live, eventually, for_each
from observability.proof.verify.sources import PLACE
from observability.query import Span

#: Picks failures out of all answers; there need not be any.
_FAILURES = re.compile(r'=~"5\.\."')
_ALL = '=~"..."'


async def check(live: Live, sources: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Findings of each service that answers requests, by a real span of it."""
    jaeger = [one.get("jsonData", {}) for one in sources if one["type"] == "jaeger"]
    ways: dict[str, Any] = jaeger[0] if jaeger else {}
    found = await for_each(await live.services(), lambda name: _span(live, name))
    spans = [span for span in found if span]
    if not spans:
        return [Finding(CHECK, "Grafana: queries from a span", False, "no trace to try", (PLACE,))]
    return [
        *await for_each(spans, lambda span: _to_logs(live, ways.get("tracesToLogsV2", {}), span)),
        *await for_each(
            spans, lambda span: _to_metrics(live, ways.get("tracesToMetrics", {}), span)
        ),
    ]


async def _span(live: Live, service: str) -> Span | None:
    """A fresh span of the service for a request that has a route."""
    for trace in await traces_of(live, service, None, 5):
        for span in trace.spans:
            if (span.service, span.kind) == (service, "server") and span.attributes.get(
                "http.route"
            ):
                return span
    return None


async def _to_logs(live: Live, way: Mapping[str, Any], span: Span) -> Finding:
    query = _filled(way.get("query", ""), {"__span.traceId": span.trace_id})

    async def lines() -> int:
        return len(await live.loki.lines(query, live.since, time.time() + 1)) if query else 0

    number = await eventually(lines)
    subject = f"Grafana: span → log lines: {span.service}"
    return Finding(CHECK, subject, bool(number), f"{number} lines for {query}", (PLACE,))


async def _to_metrics(live: Live, way: Mapping[str, Any], span: Span) -> Finding:
    """Every query has data; one that counts failures alone would have, if there were any."""
    tags = ",".join(
        f'{tag["value"]}="{span.resource.get(tag["key"], "")}"' for tag in way.get("tags", [])
    )
    values = {"__tags": tags, "__span.name": span.name}

    async def series(one: Mapping[str, str]) -> tuple[str, int]:
        query = _FAILURES.sub(_ALL, _filled(one["query"], values))
        return one["name"], len(await live.prometheus.instant(query))

    answers = await for_each(way.get("queries", []), series)
    empty = [name for name, number in answers if not number]
    detail = ", ".join(f"{name}: {number} series" for name, number in answers)
    if empty:
        detail = f"no series for {', '.join(empty)}, by “{span.name}”"
    subject = f"Grafana: span → metrics: {span.service}"
    return Finding(CHECK, subject, bool(answers) and not empty, detail or "no queries", (PLACE,))


def _filled(text: str, values: Mapping[str, str]) -> str:
    text = text.replace("$$", "$")
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value).replace(f"${name}", value)
    return text
