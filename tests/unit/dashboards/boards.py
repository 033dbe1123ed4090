"""The dashboards as Grafana is given them, and what stands in them."""

import json
import re
from collections.abc import Iterator
from typing import Any

from dashboards.catalogue import DASHBOARDS

Json = dict[str, Any]

#: As they are read back from their files.
BOARDS: dict[str, Json] = {board.uid: json.loads(board.text()) for board in DASHBOARDS}
UIDS = sorted(BOARDS)


def panels(uid: str, *, rows: bool = False) -> list[Json]:
    """Every panel of a dashboard, those in collapsed rows included."""
    found = []
    for panel in BOARDS[uid]["panels"]:
        if panel["type"] != "row" or rows:
            found.append(panel)
        found += panel.get("panels", [])
    return found


def targets(uid: str, source: str = "") -> Iterator[tuple[Json, Json]]:
    """Each query of a dashboard with its panel; only those that ask a kind of source, if given."""
    for panel in panels(uid):
        for target in panel["targets"]:
            if source in ("", target["datasource"]["type"]):
                yield panel, target


def marks(uid: str) -> list[Json]:
    """The annotations of a dashboard."""
    found: list[Json] = BOARDS[uid]["annotations"]["list"]
    return found


def variables(uid: str) -> dict[str, Json]:
    """The variables of a dashboard by their names."""
    return {one["name"]: one for one in BOARDS[uid]["templating"]["list"]}


def links(panel: Json) -> list[Json]:
    """Every data link of a panel: of all its fields, and of some."""
    config = panel["fieldConfig"]
    of_some = [
        link
        for override in config["overrides"]
        for one in override["properties"]
        if one["id"] == "links"
        for link in one["value"]
    ]
    return [*config["defaults"].get("links", []), *of_some]


def promql(uid: str) -> list[str]:
    """Every PromQL expression of a dashboard: panels, annotations, variables."""
    asked = [target["expr"] for _, target in targets(uid, "prometheus")]
    asked += [mark["target"]["expr"] for mark in marks(uid) if "expr" in mark["target"]]
    chosen = [
        re.sub(r"label_values\((.*), \w+\)", r"\1", one["definition"])
        for one in variables(uid).values()
        if one["type"] == "query"
    ]
    return asked + chosen
