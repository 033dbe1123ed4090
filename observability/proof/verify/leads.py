"""Where a dashboard leads: which signals it shows, and which are one click away."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from observability.boards import Board, Panel

#: Data sources, by type, of the signals that an alert's dashboard must lead to.
SIGNALS: Mapping[str, str] = {"jaeger": "traces", "loki": "logs"}
_TEMPLATE = re.compile(r"\{\{.*?\}\}")


def broken_link(link: str, boards: Mapping[str, Board]) -> str | None:
    """What is wrong with a link to a dashboard; None if it is there and knows the variables."""
    parts = urlsplit(_TEMPLATE.sub("x", link))
    uid = _uid(link)
    if uid not in boards:
        return f"there is no dashboard {uid!r}"
    known = {f"var-{variable.name}" for variable in boards[uid].variables}
    unknown = sorted({key for key in parse_qs(parts.query) if key.startswith("var-")} - known)
    return f"dashboard {uid} has no {', '.join(unknown)}" if unknown else None


def leads_to(board: Board, boards: Mapping[str, Board], types: Mapping[str, str]) -> set[str]:
    """Signals that a dashboard shows, or that a link of it shows.

    Args:
        board: the dashboard; one without a single query leads nowhere.
        boards: all of them, by uid.
        types: of the data sources, by uid.
    """
    if not any(panel.targets for panel in board.panels):
        return set()
    found = _shown(board)
    for link in _links(board):
        found |= _shown(boards[_uid(link)]) if _uid(link) in boards else _explored(link, types)
    return found


def data_links(panel: Panel) -> Iterator[str]:
    """Addresses that a click on a panel's values leads to."""
    overrides = panel.raw.get("fieldConfig", {}).get("overrides", [])
    properties = [one for override in overrides for one in override["properties"]]
    listed = [panel.defaults.get("links", [])]
    listed += [one["value"] for one in properties if one["id"] == "links"]
    yield from (link["url"] for links in listed for link in links)


def _links(board: Board) -> Iterator[str]:
    """Those at the top, if time and choices go with them, and those of the panels."""
    for link in board.links:
        if link["type"] == "link" and link.get("keepTime") and link.get("includeVars"):
            yield link["url"]
    for panel in board.panels:
        yield from data_links(panel)


def _uid(link: str) -> str:
    path = urlsplit(_TEMPLATE.sub("x", link)).path
    return path.rpartition("/")[2] if "/d/" in path else ""


def _shown(board: Board) -> set[str]:
    """Signals of its own panels; a figure with exemplars leads to their traces."""
    targets = [target for panel in board.panels for target in panel.targets]
    found = {SIGNALS[one.kind] for one in targets if one.kind in SIGNALS}
    return found | ({"traces"} if any(one.raw.get("exemplar") for one in targets) else set())


def _explored(link: str, types: Mapping[str, str]) -> set[str]:
    """Signals that a link to Grafana's Explore asks for."""
    panes = parse_qs(urlsplit(link).query).get("panes", ["{}"])[0]
    asked: list[dict[str, Any]] = list(json.loads(panes).values())
    kinds = {types.get(pane["datasource"], "") for pane in asked}
    return {SIGNALS[kind] for kind in kinds & SIGNALS.keys()}
