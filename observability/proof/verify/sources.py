"""Grafana's data sources, as they are provisioned: those that are named, and ways between them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from observability.boards import Board
from observability.proof.verify.finding import Finding
from observability.proof.verify.hops import CHECK
from observability.proof.verify.leads import broken_link

PLACE = "provisioning/datasources"
_LINK = re.compile(r"/d/(?P<uid>[\w-]+)\?(?P<query>[^\s\"]*)")
_BUILT_IN = frozenset({"-- Grafana --", "-- Mixed --", "-- Dashboard --", "grafana"})

Json = dict[str, Any]


def of_boards(boards: Mapping[str, Board], types: Mapping[str, str]) -> list[Finding]:
    """Every data source that a dashboard names is provisioned."""
    findings = []
    for name, board in boards.items():
        used = {
            target.raw["datasource"]["uid"] for panel in board.panels for target in panel.targets
        }
        used |= {mark["datasource"]["uid"] for mark in board.annotations if "datasource" in mark}
        missing = sorted(used - types.keys() - _BUILT_IN)
        detail = f"not provisioned: {', '.join(missing)}" if missing else ", ".join(sorted(used))
        subject = f"data sources of {board.title}"
        findings.append(Finding(CHECK, subject, not missing, detail, (f"dashboards/{name}",)))
    return findings


def between(sources: Sequence[Json], boards: Mapping[str, Board]) -> list[Finding]:
    """Links from one data source to another lead to one that is there and of the right type."""
    options = {source["uid"]: source.get("jsonData", {}) for source in sources}
    types = {source["uid"]: source["type"] for source in sources}
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
            problem = broken_link(found.group(), boards)
            subject = f"Grafana: exemplar → {found['uid']}"
            findings.append(
                Finding(CHECK, subject, problem is None, problem or found.group(), (PLACE,))
            )
    manager = [one.get("alertmanagerUid") for one in options.values() if one.get("manageAlerts")]
    return [*findings, _leads("alerts", manager, "alertmanager", types)]


def _leads(way: str, uids: list[str | None], kind: str, types: Mapping[str, str]) -> Finding:
    wrong = [uid for uid in uids if types.get(uid or "") != kind]
    subject = f"Grafana: {way}"
    if not uids or wrong:
        detail = f"leads to {wrong[0]!r}, which is no {kind}" if wrong else "there is no such link"
        return Finding(CHECK, subject, False, detail, (PLACE,))
    return Finding(CHECK, subject, True, f"leads to {uids[0]}", (PLACE,))
