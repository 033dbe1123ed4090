"""Ways from a dashboard to others, to traces and to logs: they exist, and keep what is chosen."""

import json
import re
from urllib.parse import parse_qs, unquote

import pytest

from tests.unit.dashboards.boards import BOARDS, UIDS, Json, links, panels, variables

#: Belongs to a service, and so stays only where the link names it.
OF_ONE_SERVICE = {"instance", "queue"}
EVERY = pytest.mark.parametrize("uid", UIDS)


def to_boards(panel: Json) -> list[tuple[str, list[str]]]:
    """Where the links of a panel lead: a dashboard, and each part of the query."""
    found = [re.fullmatch(r"/d/([\w-]+)\?(.*)", link["url"]) for link in links(panel)]
    return [(one[1], one[2].split("&")) for one in found if one]


@EVERY
def test_the_links_at_the_top_keep_time_and_variables(uid: str) -> None:
    """To every dashboard with the tag, and to dashboards that exist."""
    board = BOARDS[uid]
    assert all(link["keepTime"] and link["includeVars"] for link in board["links"])
    listed, *pages = board["links"]
    assert listed["type"] == "dashboards"
    assert set(listed["tags"]) <= set(board["tags"])
    assert {link["url"].removeprefix("/d/") for link in pages} <= set(BOARDS)


@EVERY
def test_a_link_leads_to_a_dashboard_and_to_variables_that_exist(uid: str) -> None:
    """And each placeholder for a variable is one of the dashboard that it stands on."""
    for panel in panels(uid):
        for to, parts in to_boards(panel):
            given = [part.partition("=")[0] for part in parts if part.startswith("var-")]
            assert {name.removeprefix("var-") for name in given} <= set(variables(to))
        text = json.dumps(links(panel))
        passed = set(re.findall(r"\$\{(\w+):queryparam\}", text))
        named = {name for name in re.findall(r"\$(\w+)", unquote(text)) if name != "__all"}
        assert passed | named <= set(variables(uid)), panel["title"]


@EVERY
def test_a_link_keeps_the_time_and_each_variable_that_both_dashboards_have(uid: str) -> None:
    """But those that it sets itself, and a replica, which is of one service."""
    for panel in panels(uid):
        for to, parts in to_boards(panel):
            assert parts[0] == "${__url_time_range}"
            kept = set(re.findall(r"\$\{(\w+):queryparam\}", " ".join(parts)))
            given = set(re.findall(r"var-(\w+)=", " ".join(parts)))
            both = set(variables(uid)) & set(variables(to))
            assert kept <= both, panel["title"]
            assert not kept & given, panel["title"]
            assert kept | given >= both - OF_ONE_SERVICE, panel["title"]


@EVERY
def test_a_label_that_a_link_names_is_one_of_the_series(uid: str) -> None:
    """Series have labels, the cells of a table have values and neighbours, nodes a raw value."""
    for panel in panels(uid):
        text = json.dumps(links(panel))
        labels = set(re.findall(r"\$\{__field\.labels\.(\w+)\}", text))
        values = set(re.findall(r"\$\{__value\.(\w+)\}", text))
        kind = panel["type"]
        assert not labels or kind in {"timeseries", "stat"}, panel["title"]
        assert not values or values == {"raw" if kind == "nodeGraph" else "text"}, panel["title"]
        assert not values or kind in {"table", "nodeGraph"}, panel["title"]
        for target in panel["targets"]:
            for label in labels:
                assert re.search(rf"by \([^)]*\b{label}\b", target["expr"]), panel["title"]


@EVERY
def test_a_neighbour_that_a_link_names_is_a_column_of_the_table(uid: str) -> None:
    """By the heading that the table gives it."""
    for panel in panels(uid):
        named = set(re.findall(r"\$\{__data\.fields\.(\w+)\}", json.dumps(links(panel))))
        headings = {
            name
            for change in panel["transformations"]
            for name in change["options"].get("renameByName", {}).values()
        }
        assert named <= headings, panel["title"]


@EVERY
def test_a_link_to_traces_or_logs_is_one_that_explore_can_read(uid: str) -> None:
    """One pane with a query of the source that it names, over the time shown."""
    for panel in panels(uid):
        for link in links(panel):
            if not link["url"].startswith("/explore?"):
                continue
            query = parse_qs(link["url"].removeprefix("/explore?"))
            assert query["schemaVersion"] == ["1"]
            [pane] = json.loads(query["panes"][0]).values()
            [asked] = pane["queries"]
            assert asked["datasource"]["uid"] == pane["datasource"]
            assert pane["range"] == {"from": "${__from}", "to": "${__to}"}


def test_a_node_of_the_service_map_leads_to_its_services_dashboard() -> None:
    """By a link of `title`, which Jaeger's nodes have and its edges have not."""
    [graph] = [one for one in panels("request-flow") if one["type"] == "nodeGraph"]
    [override] = graph["fieldConfig"]["overrides"]
    assert override["matcher"] == {"id": "byName", "options": "title"}
    # Grafana allows no other option of a field in this panel
    assert graph["fieldConfig"]["defaults"] == {}
    assert [one["id"] for one in override["properties"]] == ["links"]
    [(to, parts)] = to_boards(graph)
    assert to == "service-detail"
    assert "var-service=${__value.raw}" in parts
