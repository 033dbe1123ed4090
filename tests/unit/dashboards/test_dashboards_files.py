"""The generated dashboards: up to date, well laid out, explained, and of one look."""

import itertools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.__main__ import FILES, FOLDER
from dashboards.catalogue import DASHBOARDS
from observability.alerting import generate
from observability.proof.promql import named
from observability.settings import Settings
from tests.support.runbooks import pages, queries
from tests.unit.dashboards.known import LABELS, METRICS, RECORDED

BOARDS: dict[str, Any] = {board.uid: board.to_json() for board in DASHBOARDS}
UIDS = sorted(BOARDS)
SOURCES = {"prometheus", "loki", "jaeger", "alertmanager", "-- Grafana --"}


def panels(uid: str, *, rows: bool = False) -> list[dict[str, Any]]:
    """Every panel of a dashboard, those in collapsed rows included."""
    found = []
    for panel in BOARDS[uid]["panels"]:
        if panel["type"] != "row" or rows:
            found.append(panel)
        found += panel.get("panels", [])
    return found


def promql(uid: str) -> list[str]:
    """Every PromQL expression of a dashboard: panels, annotations, variables."""
    board = BOARDS[uid]
    asked = [
        target["expr"]
        for panel in panels(uid)
        for target in panel["targets"]
        if target["datasource"]["type"] == "prometheus"
    ]
    marks = [mark["expr"] for mark in board["annotations"]["list"] if "expr" in mark]
    chosen = [
        re.sub(r"label_values\((.*), \w+\)", r"\1", one["definition"])
        for one in board["templating"]["list"]
        if one["type"] == "query"
    ]
    return asked + marks + chosen


def test_the_committed_files_are_those_of_the_modules() -> None:
    """`python -m dashboards` would change nothing."""
    assert FILES.outdated() == []


def test_every_file_has_a_module() -> None:
    """No dashboard is left over."""
    assert {path.stem for path in FOLDER.glob("*.json")} == set(UIDS)


@pytest.mark.parametrize("uid", UIDS)
def test_a_dashboard_has_what_grafana_asks_of_the_classic_format(uid: str) -> None:
    """Schema 42, ids that are unique, nothing that can be saved over in the browser."""
    board = BOARDS[uid]
    assert board["schemaVersion"] == 42
    assert board["title"]
    assert board["description"]
    assert not board["editable"]
    ids = [panel["id"] for panel in panels(uid, rows=True)]
    assert len(set(ids)) == len(ids)


def test_titles_are_unique() -> None:
    """Two dashboards of one name could not be told apart in a list."""
    titles = [board["title"] for board in BOARDS.values()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("uid", UIDS)
def test_no_panel_overlaps_another(uid: str) -> None:
    """Each of the places of the grid belongs to one panel, within 24 columns."""
    taken: dict[tuple[int, int], str] = {}
    for panel in BOARDS[uid]["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        columns = range(place["x"], place["x"] + place["w"])
        lines = range(place["y"], place["y"] + place["h"])
        for spot in itertools.product(columns, lines):
            assert spot not in taken, f"{panel['title']} lies over {taken[spot]}"
            taken[spot] = panel["title"]
    height = max(y for _, y in taken) + 1
    assert len(taken) == 24 * height, "there is a gap"


@pytest.mark.parametrize("uid", UIDS)
def test_no_row_is_empty(uid: str) -> None:
    """A heading is followed by a panel."""
    kinds = [panel["type"] for panel in BOARDS[uid]["panels"]]
    assert kinds[0] == "row"
    assert kinds[-1] != "row"
    assert ("row", "row") not in itertools.pairwise(kinds)


@pytest.mark.parametrize("uid", UIDS)
def test_every_panel_says_what_is_normal_and_what_to_do(uid: str) -> None:
    """In its description; panels are told apart by their titles within a row."""
    for panel in panels(uid):
        normal, act = panel["description"].split("\n\n")[:2]
        assert re.fullmatch(r"\*\*Normal:\*\* .+", normal), panel["title"]
        assert re.fullmatch(r"\*\*If not:\*\* .+", act), panel["title"]


@pytest.mark.parametrize("uid", UIDS)
def test_every_figure_has_a_unit_and_every_panel_a_known_source(uid: str) -> None:
    """Data sources are named by uid; figures are in human units."""
    for panel in panels(uid):
        if panel["type"] in ("timeseries", "stat", "gauge"):
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] in SOURCES


@pytest.mark.parametrize("uid", UIDS)
def test_a_latency_panel_asks_for_exemplars(uid: str) -> None:
    """Percentiles of requests over time show dots that open a trace."""
    for panel in panels(uid):
        for target in panel["targets"]:
            expr = target.get("expr", "")
            wanted = re.search(r"quantile.*(http|db|messaging|traces)_\w+_bucket", expr)
            if panel["type"] == "timeseries" and wanted and "0.5," not in expr:
                assert target["exemplar"], panel["title"]


@pytest.mark.parametrize("uid", UIDS)
def test_variables_that_are_used_exist(uid: str) -> None:
    """Each `$name` in a query is a variable of the dashboard or one of Grafana's own."""
    board = BOARDS[uid]
    known = {one["name"] for one in board["templating"]["list"]}
    known |= {"__interval", "__range", "__rate_interval"}
    asked = [json.dumps(panel["targets"]) for panel in panels(uid)]
    asked += [mark.get("expr", "") for mark in board["annotations"]["list"]]
    asked += [one.get("definition", "") for one in board["templating"]["list"]]
    used = set(re.findall(r"\$\{?(\w+)", " ".join(asked)))
    assert used <= known
    assert known - used <= {"__interval", "__range", "__rate_interval"}, "a variable without use"


@pytest.mark.parametrize("uid", UIDS)
def test_links_lead_to_dashboards_and_variables_that_exist(uid: str) -> None:
    """From a panel to another dashboard, with time range and variables kept."""
    board = BOARDS[uid]
    assert all(link["keepTime"] and link["includeVars"] for link in board["links"])
    text = json.dumps(board)
    for target, query in re.findall(r'"/d/([\w-]+)\?([^"]*)"', text):
        assert "${__url_time_range}" in query
        variables = {one["name"] for one in BOARDS[target]["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", query)) <= variables


def prometheus_rules() -> list[dict[str, Any]]:
    """Every rule that Prometheus evaluates."""
    return [
        rule
        for path, text in generate.rendered().items()
        if generate.RULES in path.parents
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
    ]


def test_every_metric_and_label_is_known() -> None:
    """What dashboards and rules name is in the contract, so that a rename is noticed."""
    expressions = [rule["expr"] for rule in prometheus_rules()]
    expressions += [expr for uid in UIDS for expr in promql(uid)]
    found = [named(expr) for expr in expressions]
    assert set().union(*(one.metrics for one in found)) <= METRICS | RECORDED
    assert set().union(*(one.labels for one in found)) <= LABELS


def test_figures_that_are_recorded_are_those_known() -> None:
    """A rule that no longer records one leaves its readers without an answer."""
    rules = prometheus_rules()
    assert {rule["record"] for rule in rules if "record" in rule} == RECORDED


def test_no_known_metric_is_left_over() -> None:
    """The list of known metrics holds only what a dashboard, a rule or a runbook uses."""
    expressions = [rule["expr"] for rule in prometheus_rules()]
    expressions += [expr for uid in UIDS for expr in promql(uid)]
    expressions += [query.text for page in pages() for query in queries(page, "promql")]
    used = set().union(*(named(expr).metrics for expr in expressions))
    assert used == METRICS | RECORDED


def test_prometheus_can_parse_every_query(tmp_path: Path) -> None:
    """With variables filled as Grafana fills them, promtool accepts each expression."""
    built = sorted(Settings().cache_dir.glob("bin/prometheus-*/promtool"))
    promtool = shutil.which("promtool") or (str(built[-1]) if built else None)
    if promtool is None:
        pytest.fail("promtool is neither on PATH nor built: run `belfry up` once")
    filled = [
        re.sub(r"\$(interval|__interval|__range|__rate_interval)\b", "5m", expr)
        for uid in UIDS
        for expr in promql(uid)
    ]
    rules = [{"record": f"query:{number}", "expr": expr} for number, expr in enumerate(filled)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), "utf-8")
    done = subprocess.run(
        [promtool, "check", "rules", "--lint=none", file],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": os.environ.get("PATH", os.defpath)},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_node_of_the_service_map_leads_to_its_services_dashboard() -> None:
    """In Grafana by a link of the field that names the node; the console draws it as one."""
    [graph] = [one for one in panels("request-flow") if one["type"] == "nodeGraph"]
    [override] = graph["fieldConfig"]["overrides"]
    assert override["matcher"] == {"id": "byName", "options": "title"}
    [links] = [one["value"] for one in override["properties"] if one["id"] == "links"]
    assert [link["url"] for link in links] == [
        "/d/service-detail?${__url_time_range}&var-service=${__value.raw}"
    ]
