"""Ways that files promise: from alerts to dashboards, from the map to a service, within Grafana."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from observability.boards import Board
from observability.proof.verify.edges import GRAPH
from observability.proof.verify.files import Rule
from observability.proof.verify.finding import Finding
from observability.proof.verify.hops import CHECK, traces_of
from observability.proof.verify.live import Live

_SOURCES = "provisioning/datasources"
_LINK = re.compile(r"/d/(?P<uid>[\w-]+)\?(?P<query>[^\s\"]*)")
_BUILT_IN = frozenset({"-- Grafana --", "-- Mixed --", "-- Dashboard --", "grafana"})


async def check(live: Live) -> list[Finding]:
    """The findings of all of them."""
    boards = live.files.boards()
    by_uid = {board.uid: board for board in boards.values()}
    sources = {source["uid"]: source for source in live.files.data_sources()}
    findings = [_alert(rule, by_uid, live.files.runbooks) for rule in _alerts(live)]
    findings += _board_sources(boards, sources)
    findings += _between_sources(sources, by_uid)
    findings += await _from_spans(live, sources)
    findings += await _nodes(live, by_uid)
    return findings


def _alerts(live: Live) -> list[Rule]:
    return [rule for rule in [*live.files.alert_rules(), *live.files.loki_rules()] if rule.alerting]


def _alert(rule: Rule, boards: Mapping[str, Board], runbooks: Path) -> Finding:
    """The alert names a page that exists, and a dashboard.

    That of a service's alert leads on to traces and logs; the backends themselves have none.
    """
    of_service = rule.labels.get("team") != "platform"
    subject = f"alert → dashboard{' → trace and logs' if of_service else ''}: {rule.name}"
    link = rule.annotations.get("dashboard_url", "")
    runbook = Path(rule.annotations.get("runbook_url", "")).name
    problem = _broken_link(link, boards)
    if problem is None and not (runbooks / (runbook or "none")).is_file():
        problem = f"there is no runbook {runbook!r}"
    if problem is None and of_service:
        board = boards[urlsplit(link).path.rpartition("/")[2]]
        lacking = [name for name, there in _leads_on(board).items() if not there]
        if lacking:
            problem = f"dashboard {board.uid} leads to no {' and no '.join(lacking)}"
    return Finding(CHECK, subject, problem is None, problem or link, (rule.place,))


def _broken_link(link: str, boards: Mapping[str, Board]) -> str | None:
    parts = urlsplit(re.sub(r"\{\{.*?\}\}", "x", link))
    uid = parts.path.rpartition("/")[2]
    if uid not in boards:
        return f"there is no dashboard {uid!r}"
    known = {f"var-{variable.name}" for variable in boards[uid].variables}
    unknown = sorted({key for key in parse_qs(parts.query) if key.startswith("var-")} - known)
    return f"dashboard {uid} has no {', '.join(unknown)}" if unknown else None


def _leads_on(board: Board) -> dict[str, bool]:
    """Whether traces and logs are on a dashboard or one click away."""
    targets = [target for panel in board.panels for target in panel.targets]
    text = str([panel.raw for panel in board.panels]) + str(board.links)
    has_traces = any(t.kind == "jaeger" or t.raw.get("exemplar") for t in targets)
    return {
        "traces": has_traces or "/d/request-flow" in text,
        "logs": any(t.kind == "loki" for t in targets) or "/d/logs" in text or "loki" in text,
    }


def _board_sources(
    boards: Mapping[str, Board], sources: Mapping[str, dict[str, Any]]
) -> list[Finding]:
    """Every data source that a dashboard names is provisioned."""
    findings = []
    for name, board in boards.items():
        used = {
            target.raw["datasource"]["uid"] for panel in board.panels for target in panel.targets
        }
        used |= {mark["datasource"]["uid"] for mark in board.annotations if "datasource" in mark}
        missing = sorted(used - sources.keys() - _BUILT_IN)
        detail = f"not provisioned: {', '.join(missing)}" if missing else ", ".join(sorted(used))
        subject = f"data sources of {board.title}"
        findings.append(Finding(CHECK, subject, not missing, detail, (f"dashboards/{name}",)))
    return findings


def _between_sources(
    sources: Mapping[str, dict[str, Any]], boards: Mapping[str, Board]
) -> list[Finding]:
    """Links from one data source to another lead to one that is there and of the right type."""
    options = {uid: source.get("jsonData", {}) for uid, source in sources.items()}
    types = {uid: source["type"] for uid, source in sources.items()}
    exemplars = [
        way
        for uid, kind in types.items()
        if kind == "prometheus"
        for way in options[uid].get("exemplarTraceIdDestinations", [])
    ]
    derived = [
        way
        for uid, kind in types.items()
        if kind == "loki"
        for way in options[uid].get("derivedFields", [])
    ]
    traces = [options[uid] for uid, kind in types.items() if kind == "jaeger"]
    to_traces = [one.get("datasourceUid") for one in exemplars if one.get("datasourceUid")]
    findings = [
        _leads("exemplar → trace", to_traces, "jaeger", types),
        _leads("log line → trace", [one.get("datasourceUid") for one in derived], "jaeger", types),
    ]
    for way, kind in (("tracesToLogsV2", "loki"), ("tracesToMetrics", "prometheus")):
        uids = [one.get(way, {}).get("datasourceUid") for one in traces]
        findings.append(_leads(f"trace → {kind}", uids, kind, types))
    for way in exemplars:
        if found := _LINK.search(way.get("url", "")):
            problem = _broken_link(found.group(), boards)
            subject = f"Grafana: exemplar → {found['uid']}"
            findings.append(
                Finding(CHECK, subject, problem is None, problem or found.group(), (_SOURCES,))
            )
    manager = [one.get("alertmanagerUid") for one in options.values() if one.get("manageAlerts")]
    return [*findings, _leads("alerts", manager, "alertmanager", types)]


def _leads(way: str, uids: list[str | None], kind: str, types: Mapping[str, str]) -> Finding:
    wrong = [uid for uid in uids if types.get(uid or "") != kind]
    subject = f"Grafana: {way}"
    if not uids or wrong:
        detail = f"leads to {wrong[0]!r}, which is no {kind}" if wrong else "there is no such link"
        return Finding(CHECK, subject, False, detail, (_SOURCES,))
    return Finding(CHECK, subject, True, f"leads to {uids[0]}", (_SOURCES,))


async def _from_spans(live: Live, sources: Mapping[str, dict[str, Any]]) -> list[Finding]:
    """Grafana's queries from a span answer, filled from a real span of some service."""
    services = [name for name in await live.services() if name != "console"]
    found = [trace for name in services[:1] for trace in await traces_of(live, name, None, 1)]
    jaeger = [one.get("jsonData", {}) for one in sources.values() if one["type"] == "jaeger"]
    if not found or not jaeger:
        return [Finding(CHECK, "Grafana: queries from a span", False, "no trace to try", ())]
    span = next(s for s in found[0].spans if s.service == services[0])
    return [
        await _span_to_logs(live, jaeger[0].get("tracesToLogsV2", {}), span.trace_id),
        *await _span_to_metrics(live, jaeger[0].get("tracesToMetrics", {}), span),
    ]


async def _span_to_logs(live: Live, way: Mapping[str, Any], trace_id: str) -> Finding:
    query = _filled(way.get("query", ""), {"__span.traceId": trace_id})
    lines = await live.loki.lines(query, live.since, time.time() + 1) if query else []
    subject = "Grafana: span → log lines"
    return Finding(CHECK, subject, bool(lines), f"{len(lines)} lines for {query}", (_SOURCES,))


async def _span_to_metrics(live: Live, way: Mapping[str, Any], span: Any) -> list[Finding]:
    """Each query is accepted; at least one has data."""
    tags = ",".join(
        f'{tag["value"]}="{span.resource.get(tag["key"], "")}"' for tag in way.get("tags", [])
    )
    answers = {}
    for one in way.get("queries", []):
        query = _filled(one["query"], {"__tags": tags, "__span.name": span.name})
        answers[one["name"]] = len(await live.prometheus.instant(query))
    detail = ", ".join(f"{name}: {number} series" for name, number in answers.items())
    return [Finding(CHECK, "Grafana: span → metrics", any(answers.values()), detail, (_SOURCES,))]


def _filled(text: str, values: Mapping[str, str]) -> str:
    text = text.replace("$$", "$")
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value).replace(f"${name}", value)
    return text


async def _nodes(live: Live, boards: Mapping[str, Board]) -> list[Finding]:
    """Every service on the map is a choice of the service dashboard."""
    samples = await live.prometheus.instant(
        f"count by (client) ({GRAPH}) or label_replace(count by (server) "
        f'({GRAPH}{{connection_type!="database"}}), "client", "$1", "server", "(.+)")'
    )
    nodes = {sample.labels["client"] for sample in samples if "client" in sample.labels}
    services = set(await live.services())
    there = "service-detail" in boards
    return [
        Finding(
            CHECK,
            f"map node → dashboard: {node}",
            there and node in services,
            f"/d/service-detail?var-service={node}"
            if there and node in services
            else "not a choice of the service dashboard",
        )
        for node in sorted(nodes)
    ]
