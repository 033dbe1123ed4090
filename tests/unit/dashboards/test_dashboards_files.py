"""The generated dashboards: up to date, well laid out, explained, and of known metrics alone."""

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.__main__ import FILES, FOLDER
from observability.alerting import generate
from observability.proof.promql import named
from tests.support.promtool import refused, unmet
from tests.support.runbooks import pages, queries
from tests.unit.dashboards.boards import BOARDS, UIDS, panels, promql
from tests.unit.dashboards.known import LABELS, METRICS, RECORDED


def test_the_committed_files_are_those_of_the_modules() -> None:
    """`python -m dashboards` would change nothing."""
    assert FILES.outdated() == []


def test_every_file_has_a_module() -> None:
    """No dashboard is left over."""
    assert {path.stem for path in FOLDER.glob("*.json")} == set(UIDS)


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


def filled(expr: str) -> str:
    """As Grafana fills it: a window of five minutes, and All of whatever may be chosen."""
    windows = re.sub(r"\$(interval|__interval|__range|__rate_interval)\b", "5m", expr)
    return re.sub(r"\$(environment|service|instance|queue)\b", ".*", windows)


def test_prometheus_can_parse_every_query(tmp_path: Path) -> None:
    """With variables filled as Grafana fills them, promtool accepts each expression."""
    asked = [filled(expr) for uid in UIDS for expr in promql(uid)]
    assert refused({f"query:{number}": expr for number, expr in enumerate(asked)}, tmp_path) == ""


@pytest.mark.parametrize("figure", ["Replicas", "Running for"])
def test_what_is_running_is_told_where_environments_have_replicas_of_one_name(
    tmp_path: Path, figure: str
) -> None:
    """Each replica is joined with the version of its own environment."""
    [table] = [one for one in panels("shop-overview") if one["title"] == "What is running"]
    query = filled(table["targets"][0 if figure == "Replicas" else 1]["expr"])
    series: dict[str, str] = {}
    for environment, version in (("live", "1.0"), ("test", "2.0")):
        labels = (
            'job="services",service_namespace="shop",service_name="cart",instance="cart-1",'
            f'deployment_environment_name="{environment}"'
        )
        series |= {
            f"up{{{labels}}}": "1x5",
            f"process_start_time_seconds{{{labels}}}": "0x5",
            f'target_info{{{labels},service_version="{version}"}}': "1x5",
        }
    value = 1.0 if figure == "Replicas" else 300.0
    answer = {
        f'{{service_name="cart", service_version="{version}"}}': value for version in ("1.0", "2.0")
    }
    assert unmet(series, query, answer, tmp_path) == ""
