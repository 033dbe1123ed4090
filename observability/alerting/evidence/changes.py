"""What changed lately: versions, processes by metrics; faults, drills, scale by the audit."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from datetime import UTC, datetime

from observability.alerting.evidence.asking import Asking
from observability.alerting.evidence.model import Change
from observability.alerting.evidence.subject import Subject
from observability.query import LogLine, Sample

SHOWN = 10
_LOOK_BACK = "30m"
_LOOK_BACK_SECONDS = 1_800.0
_ACTIONS = "fault_.*|drill_.*|scale|restart|deploy"
_TEXT = 200

Instance = tuple[str, str]


async def changes(subject: Subject, asking: Asking) -> list[Change]:
    """The newest ten of the last half hour, newest first: of any service, as one needs others."""
    since = subject.end - _LOOK_BACK_SECONDS
    processes, acts = await asyncio.gather(
        asking.ask("Prometheus", lambda: _processes(since, asking)),
        asking.ask("Loki", lambda: _acts(since, subject.end, asking)),
    )
    return sorted([*processes, *acts], key=lambda change: change.at, reverse=True)[:SHOWN]


async def _processes(since: float, asking: Asking) -> list[Change]:
    started, versions = await asyncio.gather(
        asking.prometheus.instant(
            f'last_over_time(process_start_time_seconds{{job="services"}}[{_LOOK_BACK}])'
        ),
        asking.prometheus.instant(
            "max by (service_name, instance, service_version)"
            f' (timestamp(last_over_time(target_info{{job="services"}}[{_LOOK_BACK}])))'
        ),
    )
    return told(started, versions, since)


def told(started: list[Sample], versions: list[Sample], since: float) -> list[Change]:
    """One change a service and version: a deploy if the service had another version before.

    Args:
        started: when each instance's process started, in unix seconds.
        versions: each instance's versions, with when each was seen last.
        since: starts before are no news.
    """
    version_of, of_service = _versions(versions)
    fresh: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in started:
        if one.value >= since:
            instance = _instance(one)
            fresh[instance[0], version_of.get(instance, "")].append(one.value)
    return [
        _process(service, version, sorted(of_service[service] - {version}), times)
        for (service, version), times in fresh.items()
    ]


def _versions(versions: list[Sample]) -> tuple[dict[Instance, str], dict[str, set[str]]]:
    """The newest version of each instance, and all versions of each service."""
    of_service: dict[str, set[str]] = defaultdict(set)
    newest: dict[Instance, str] = {}
    for one in sorted(versions, key=lambda sample: sample.value):
        version = one.labels.get("service_version", "")
        newest[_instance(one)] = version
        of_service[_instance(one)[0]].add(version)
    return newest, of_service


def _process(service: str, version: str, before: list[str], times: list[float]) -> Change:
    at = datetime.fromtimestamp(max(times), UTC)
    count = f"{len(times)} process{'es' if len(times) > 1 else ''}"
    if version and before:
        what = f"{service} {version} (before: {', '.join(before)}), {count}"
        return Change(at=at, kind="deploy", what=what)
    return Change(at=at, kind="start", what=f"{service} {version}".strip() + f", {count} started")


def _instance(one: Sample) -> Instance:
    return one.labels.get("service_name", ""), one.labels.get("instance", "")


async def _acts(since: float, end: float, asking: Asking) -> list[Change]:
    query = f'{{service_name=~".+",log_stream="audit"}} | audit_action=~"{_ACTIONS}"'
    lines = await asking.loki.lines(query, since, end + 1, limit=SHOWN)
    return [_act(line) for line in lines]


def _act(line: LogLine) -> Change:
    fields = line.fields
    what = " ".join([fields.get("audit_target", ""), *_details(fields.get("audit_detail", ""))])
    return Change(
        at=datetime.fromtimestamp(line.at / 1e9, UTC),
        kind=fields.get("audit_action", ""),
        what=what.strip()[:_TEXT],
        who=fields.get("audit_actor", ""),
    )


def _details(text: str) -> list[str]:
    try:
        detail = json.loads(text or "{}")
    except ValueError:
        return []
    return [f"{key}={value}" for key, value in detail.items()] if isinstance(detail, dict) else []
