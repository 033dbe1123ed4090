"""Grafana's classic JSON: what its documentation says of panels, queries, marks and variables."""

import itertools
import json
import re

import pytest
import yaml

from observability.backends import grafana
from tests.unit.dashboards.boards import (
    BOARDS,
    UIDS,
    Json,
    marks,
    panels,
    promql,
    targets,
    variables,
)

#: By uid, as they are provisioned; the last is Grafana's own.
SOURCES = {
    one["uid"]: one["type"]
    for one in yaml.safe_load(
        (grafana.PROVISIONING / "datasources/belfry.yaml").read_text(encoding="utf-8")
    )["datasources"]
} | {"-- Grafana --": "grafana"}
#: https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts
UNITS = {"short", "none", "s", "bytes", "Bps", "percentunit", "reqps", "cps", "currencyEUR"}
COLOURS = {"red", "orange", "yellow", "green", "blue", "purple"}
BUILT_IN = {"__interval", "__range", "__rate_interval"}
EVERY = pytest.mark.parametrize("uid", UIDS)


def words(value: object) -> set[str]:
    """Every key that stands anywhere in a JSON value."""
    if isinstance(value, dict):
        return set(value) | set().union(*map(words, value.values()))
    return set().union(*map(words, value)) if isinstance(value, list) else set()


@EVERY
def test_a_dashboard_has_what_grafana_asks_of_the_classic_format(uid: str) -> None:
    """Schema 42, known by its uid alone, nothing that can be saved over in the browser."""
    board = BOARDS[uid]
    assert board["schemaVersion"] == 42
    assert board["id"] is None
    assert board["uid"] == uid
    assert re.fullmatch(r"[a-z0-9-]{1,40}", uid)
    assert board["title"]
    assert board["description"]
    assert not board["editable"]
    assert board["refresh"] in board["timepicker"]["refresh_intervals"]
    assert re.fullmatch(r"now-\d+[mh]", board["time"]["from"])


@EVERY
def test_a_dashboard_needs_nothing_but_its_file(uid: str) -> None:
    """No library panel, no input to be asked for at import, nothing of the v2 format."""
    assert not words(BOARDS[uid]) & {"libraryPanel", "__inputs", "__requires", "elements", "spec"}
    assert "${DS_" not in json.dumps(BOARDS[uid])


@EVERY
def test_a_panel_is_of_a_kind_that_comes_with_grafana(uid: str) -> None:
    """With an id of its own, options and field configuration."""
    ids = [panel["id"] for panel in panels(uid, rows=True)]
    assert len(set(ids)) == len(ids)
    assert min(ids) > 0
    for panel in panels(uid):
        assert panel["type"] in {"timeseries", "stat", "table", "heatmap", "logs", "nodeGraph"}
        assert panel["options"], panel["title"]
        assert panel["fieldConfig"].keys() == {"defaults", "overrides"}


@EVERY
def test_every_query_names_a_source_that_is_provisioned(uid: str) -> None:
    """By uid and type; a panel that asked two sources would have to name a mixed one."""
    for panel, target in targets(uid):
        source = target["datasource"]
        assert SOURCES[source["uid"]] == source["type"]
        assert panel["datasource"] == source, panel["title"]
    for mark in marks(uid):
        assert SOURCES[mark["datasource"]["uid"]] == mark["datasource"]["type"]
    for one in variables(uid).values():
        assert one["type"] != "query" or SOURCES[one["datasource"]["uid"]] == "prometheus"


@EVERY
def test_queries_of_a_panel_have_letters_of_their_own(uid: str) -> None:
    """In the order in which they stand."""
    for panel in panels(uid):
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == list("ABCDEFGH"[: len(letters)]), panel["title"]
        assert letters, panel["title"]


@EVERY
def test_a_query_is_instant_or_over_the_range_as_its_panel_shows_it(uid: str) -> None:
    """Tables show one moment, graphs a range; exactly one of both is asked for."""
    for panel, target in targets(uid, "prometheus"):
        kind, shape = panel["type"], target["format"]
        assert target["instant"] is not target["range"], panel["title"]
        assert (kind == "table") == (shape == "table"), panel["title"]
        assert (kind == "heatmap") == (shape == "heatmap"), panel["title"]
        assert target["instant"] or kind != "table", panel["title"]
        assert target["range"] or kind in {"table", "stat"}, panel["title"]
        assert not (target["instant"] and target["exemplar"]), panel["title"]
    for panel, target in targets(uid, "loki"):
        assert target["queryType"] in {"instant", "range"}
        assert (target["queryType"] == "instant") <= (panel["type"] in {"table", "stat"})
    for _, target in targets(uid, "jaeger"):
        assert target["queryType"] in {"search", "dependencyGraph"}


@EVERY
def test_a_figure_of_the_whole_time_shown_is_asked_for_once(uid: str) -> None:
    """As a range query it would look back that far from each of its points."""
    for panel, target in targets(uid):
        if "$__range" in target.get("expr", ""):
            once = target.get("instant") or target.get("queryType") == "instant"
            assert once, panel["title"]
            assert panel["options"].get("graphMode") in {None, "none"}, panel["title"]


@EVERY
def test_every_figure_has_a_unit_and_limits_that_rise(uid: str) -> None:
    """Limits begin with the colour of whatever is below all of them."""
    for panel in panels(uid):
        if panel["type"] not in {"timeseries", "stat"}:
            continue
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"] in UNITS, panel["title"]
        first, *rest = defaults["thresholds"]["steps"]
        assert first["value"] is None
        assert [one["value"] for one in rest] == sorted(one["value"] for one in rest)
        assert defaults["thresholds"]["mode"] == "absolute"
        assert defaults["color"]["mode"] in {"thresholds", "palette-classic-by-name"}


@EVERY
def test_what_a_table_says_of_a_column_is_said_of_one_it_has(uid: str) -> None:
    """Columns are those that the transformations name; each query's figure is one of them."""
    for panel in panels(uid):
        for change in panel["transformations"]:
            assert change["id"] in {"merge", "organize"}
        arranged = [one["options"] for one in panel["transformations"] if one["id"] == "organize"]
        if panel["type"] != "table" or not arranged:
            continue
        [options] = arranged
        letters = [target["refId"] for target in panel["targets"]]
        figures = ["Value"] if len(letters) == 1 else [f"Value #{letter}" for letter in letters]
        assert figures == [name for name in options["renameByName"] if name.startswith("Value")]
        assert sorted(options["indexByName"].values()) == list(range(len(options["renameByName"])))
        headings = set(options["renameByName"].values())
        for override in panel["fieldConfig"]["overrides"]:
            assert override["matcher"]["id"] == "byName"
            assert override["matcher"]["options"] in headings, panel["title"]
        assert {one["displayName"] for one in panel["options"]["sortBy"]} <= headings


@EVERY
def test_a_colour_by_name_is_a_pattern_that_compiles(uid: str) -> None:
    """Fields are matched by name, or by an expression between slashes."""
    for panel in panels(uid):
        for override in panel["fieldConfig"]["overrides"]:
            matcher = override["matcher"]
            assert matcher["id"] in {"byName", "byRegexp"}
            if matcher["id"] == "byRegexp":
                assert re.fullmatch(r"/.+/", matcher["options"])
                re.compile(matcher["options"][1:-1])


@EVERY
def test_a_latency_panel_asks_for_exemplars(uid: str) -> None:
    """Percentiles of requests over time show dots that open a trace."""
    for panel, target in targets(uid, "prometheus"):
        wanted = re.search(r"quantile.*(http|db|messaging|traces)_\w+_bucket", target["expr"])
        if panel["type"] == "timeseries" and wanted and "0.5," not in target["expr"]:
            assert target["exemplar"], panel["title"]


@EVERY
def test_marks_are_on_in_every_graph_and_told_apart(uid: str) -> None:
    """Alerts, faults, starts and deploys: each with a name, a colour and what it asks."""
    found = {mark["name"]: mark for mark in marks(uid)}
    assert list(found) == ["Alerts", "Faults", "Starts", "Deploys"]
    assert all(mark["enable"] and not mark["hide"] for mark in found.values())
    assert len({mark["iconColor"] for mark in found.values()} & COLOURS) == len(found)
    for name in ("Alerts", "Faults", "Starts"):
        target = found[name]["target"]
        assert target.keys() == {"refId", "expr", "interval"}
        assert "{{" in found[name]["titleFormat"]
    deploys = found["Deploys"]["target"]
    assert (deploys["type"], deploys["tags"]) == ("tags", ["belfry"])


@EVERY
def test_variables_that_are_used_exist(uid: str) -> None:
    """Each `$name` in a query is a variable of the dashboard or one of Grafana's own."""
    known = set(variables(uid)) | BUILT_IN
    asked = [json.dumps(panel["targets"]) for panel in panels(uid)]
    asked += [json.dumps(mark["target"]) for mark in marks(uid)]
    asked += [one.get("definition", "") for one in variables(uid).values()]
    used = set(re.findall(r"\$\{?(\w+)", " ".join(asked)))
    assert used <= known
    assert known - used <= BUILT_IN, "a variable without use"


@EVERY
def test_a_variable_is_stored_as_grafana_stores_it(uid: str) -> None:
    """What is chosen at first is one of the choices; All is written as Grafana writes it."""
    for name, one in variables(uid).items():
        assert re.fullmatch(r"[a-z_]+", name)
        assert one["type"] in {"query", "interval", "custom", "textbox"}
        if one["type"] == "query":
            assert one["definition"] == one["query"]["query"]
            # when the time shown changes: series come and go
            assert one["refresh"] == 2
        if one.get("includeAll"):
            assert one["allValue"]
            assert one["current"]["value"] == ["$__all"]
        for option in one["options"]:
            assert option["selected"] == (option["value"] in one["current"]["value"])


@EVERY
def test_a_rate_is_taken_over_no_less_than_a_step(uid: str) -> None:
    """The interval follows the time shown, as one of parts that are fewer than a graph's points."""
    interval = variables(uid).get("interval")
    if interval is None:
        assert not any("$interval" in expr for expr in promql(uid))
        return
    assert interval["current"]["value"] == "$__auto_interval_interval"
    assert interval["auto"]
    # the narrowest panel is a sixth of a screen wide, and has a point for each pixel
    assert interval["auto_count"] <= 100
    assert interval["auto_min"] == "1m"


def same_labels(one: Json) -> set[tuple[str, ...]]:
    """What each vector of a join has in common with the other."""
    found = re.findall(r"\* on \(([^)]*)\)", one["expr"])
    return {tuple(label.strip() for label in labels.split(",")) for labels in found}


@EVERY
def test_a_replica_is_joined_with_its_version_by_all_that_tells_replicas_apart(uid: str) -> None:
    """Two environments, or two services, may have replicas of one name."""
    joins = itertools.chain.from_iterable(
        same_labels(target) for _, target in targets(uid, "prometheus")
    )
    for labels in joins:
        assert {"instance", "service_name", "deployment_environment_name"} <= set(labels)
