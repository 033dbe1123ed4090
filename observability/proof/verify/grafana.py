"""What Grafana itself says: it is well, has what is provisioned, and answers every panel.

Asked through its documented HTTP API: https://grafana.com/docs/grafana/latest/developers/http_api/.
"""

import asyncio
import json
from contextlib import closing
from pathlib import Path
from typing import Any

from observability.boards import Board, Panel, Span, Target, Values, fill, resolve
from observability.proof.grafana import Grafana, GrafanaError
from observability.proof.verify.finding import Finding
from observability.proof.verify.live import Live, for_each

CHECK = "grafana"
#: What Grafana writes into a dashboard when it takes it in.
_ITS_OWN = frozenset({"id", "version"})


async def check(live: Live, url: str) -> list[Finding]:
    """Findings of the Grafana at `url`."""
    with closing(Grafana(url, live.settings)) as grafana:
        return await _check(live, grafana)


async def _check(live: Live, grafana: Grafana) -> list[Finding]:
    health = await _health(grafana)
    if not health.ok:
        return [health]
    findings = [health, *await _sources(live, grafana)]
    findings += await for_each(
        sorted(live.files.dashboards.glob("*.json")),
        lambda path: asyncio.to_thread(_provisioned, grafana, path),
    )
    for name, board in live.files.boards().items():
        findings += await _panels(live, grafana, f"dashboards/{name}", board)
    return findings


async def _health(grafana: Grafana) -> Finding:
    try:
        answer = await asyncio.to_thread(grafana.health)
    except GrafanaError as error:
        return Finding(CHECK, "health", False, str(error))
    ok = answer.get("database") == "ok"
    return Finding(CHECK, "health", ok, f"version {answer.get('version', 'hidden')}")


async def _sources(live: Live, grafana: Grafana) -> list[Finding]:
    """Every provisioned data source is there, of its type, and says that it is well."""

    async def look(wanted: dict[str, Any]) -> Finding:
        subject = f"data source {wanted['name']}"
        try:
            found = await asyncio.to_thread(grafana.data_source, wanted["uid"])
            healthy = await asyncio.to_thread(grafana.source_health, wanted["uid"])
        except GrafanaError as error:
            return Finding(CHECK, subject, False, str(error), ("provisioning/datasources",))
        same = found["type"] == wanted["type"]
        ok = same and healthy.get("status", "OK") == "OK"
        detail = healthy.get("message", "is well") if same else f"is of type {found['type']}"
        return Finding(CHECK, subject, ok, detail, ("provisioning/datasources",))

    # Alertmanager's has no health endpoint in Grafana's backend
    sources = [one for one in live.files.data_sources() if one["type"] != "alertmanager"]
    return await for_each(sources, look)


def _provisioned(grafana: Grafana, path: Path) -> Finding:
    """The dashboard is there, from its file, and nobody has changed it."""
    wanted = json.loads(path.read_text(encoding="utf-8"))
    subject, where = f"dashboard {wanted['title']}", (f"dashboards/{path.name}",)
    try:
        found = grafana.dashboard(wanted["uid"])
    except GrafanaError as error:
        return Finding(CHECK, subject, False, str(error), where)
    if not found["meta"].get("provisioned"):
        return Finding(CHECK, subject, False, "was not provisioned from a file", where)
    changed = sorted(
        key
        for key in (wanted.keys() | found["dashboard"].keys()) - _ITS_OWN
        if wanted.get(key) != found["dashboard"].get(key)
    )
    detail = f"differs in {', '.join(changed)}" if changed else "as in its file"
    return Finding(CHECK, subject, not changed, detail, where)


async def _panels(live: Live, grafana: Grafana, place: str, board: Board) -> list[Finding]:
    """Each panel's queries through Grafana's query API, as the browser sends them."""
    values = await resolve(board, {}, live.prometheus)
    span = live.span()

    async def look(panel: Panel) -> Finding:
        subject = f"{board.title}: {panel.title}"
        where = (f"{place}: panel “{panel.title}”",)
        body = {
            "from": str(int(span.start * 1000)),
            "to": str(int(span.end * 1000)),
            "queries": [_query(target, values, span) for target in panel.targets],
        }
        try:
            answer = await asyncio.to_thread(grafana.query, body)
        except GrafanaError as error:
            return Finding(CHECK, subject, False, str(error), where)
        ok, detail = _judged(panel, answer)
        return Finding(CHECK, subject, ok, detail, where)

    return await for_each([panel for panel in board.panels if panel.targets], look)


def _query(target: Target, values: dict[str, Values], span: Span) -> dict[str, Any]:
    """A target with its variables filled; the browser does that before it asks."""
    kind, builtin = target.kind, span.builtin()
    filled = {
        key: fill(value, values, kind, builtin) if isinstance(value, str) else value
        for key, value in target.raw.items()
    }
    step = int(span.step * 1000)
    return filled | {"intervalMs": step, "maxDataPoints": 200}


def _judged(panel: Panel, answer: dict[str, Any]) -> tuple[bool, str]:
    """Whether each query has an answer with values, or the panel says why it need not."""
    results = answer.get("results", {})
    wrong = [f"{ref}: {one['error']}" for ref, one in results.items() if one.get("error")]
    if wrong:
        return False, "; ".join(wrong)
    empty = [target.ref for target in panel.targets if not _has_values(results.get(target.ref))]
    if not empty:
        return True, f"{len(results)} answers"
    if panel.quiet:
        return True, f"empty: {panel.quiet}"
    return False, f"no data for {', '.join(empty)}, and does not say why"


def _has_values(result: dict[str, Any] | None) -> bool:
    """Whether any frame has a row."""
    frames = (result or {}).get("frames", [])
    return any(column for frame in frames for column in frame.get("data", {}).get("values", []))
