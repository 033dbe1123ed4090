"""A trace and an incident of the running stack that are worth looking at."""

from collections.abc import Mapping
from typing import Any

import httpx

from observability.exits import UsageError
from observability.settings import Settings

_ORDERED = {"query": '{log_stream="audit"} | audit_action="order"', "limit": "1"}
_LATEST = {"limit": "200"}
_COURSE = 5


def a_trace(settings: Settings) -> str:
    """A recent trace that goes through a queue: the one that shows most.

    Raises:
        UsageError: no stack answers, or nothing was ordered yet.
    """
    found = _ask(f"{settings.url('loki')}/loki/api/v1/query_range", _ORDERED)["data"]["result"]
    if not found:
        raise UsageError("nothing was ordered yet: `belfry load --users 3 --duration 60`")
    return str(found[0]["stream"]["trace_id"])


def an_incident(settings: Settings) -> int | None:
    """The newest alert with traces, if there is one with the course of its figure too.

    Raises:
        UsageError: no stack answers.
    """
    inbox = f"{settings.url('console')}/api/inbox"
    second_best = None
    for one in reversed(_ask(inbox, _LATEST)):
        evidence = _ask(f"{inbox}/{one['id']}", {})["evidence"] if one["status"] == "firing" else {}
        if not (evidence or {}).get("traces"):
            continue
        if len((evidence["figure"] or {}).get("points", [])) >= _COURSE:
            return int(one["id"])
        second_best = second_best or int(one["id"])
    return second_best


def _ask(url: str, query: Mapping[str, str]) -> Any:
    try:
        return httpx.get(url, params=query, timeout=20).raise_for_status().json()
    except httpx.HTTPError as error:
        raise UsageError(f"no stack answers ({error}): `belfry up`, then `belfry load`") from None
