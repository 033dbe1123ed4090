"""Grafana's provisioning: the sources that dashboards name, and the ways between them."""

import inspect
import re
from typing import Any
from urllib.parse import parse_qsl

import yaml

from dashboards.catalogue import DASHBOARDS
from observability.backends import grafana
from observability.proof.promql import named
from tests.unit.dashboards.known import LABELS, METRICS

SOURCES: dict[str, Any] = {
    source["uid"]: source
    for source in yaml.safe_load(
        (grafana.PROVISIONING / "datasources/belfry.yaml").read_text(encoding="utf-8")
    )["datasources"]
}
TEXTS = [path.read_text(encoding="utf-8") for path in grafana.PROVISIONING.rglob("*.yaml")]


def test_a_metric_leads_to_its_trace_and_the_logs_of_that_trace() -> None:
    """By the exemplars' label."""
    ways = SOURCES["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert {way["name"] for way in ways} == {"trace_id"}
    assert ways[0]["datasourceUid"] == "jaeger"
    address, _, query = ways[1]["url"].partition("?")
    [board] = [one for one in DASHBOARDS if address == f"/d/{one.uid}"]
    # an exemplar may be older than what that dashboard shows at first
    given = {"from": "$${__from}", "to": "$${__to}", "var-trace_id": "$${__value.raw}"}
    assert dict(parse_qsl(query)) == given
    assert "trace_id" in {one.name for one in board.variables}


def test_a_log_line_leads_to_its_trace() -> None:
    """By structured metadata: the id does not stand in the line."""
    [field] = SOURCES["loki"]["jsonData"]["derivedFields"]
    assert (field["matcherType"], field["matcherRegex"]) == ("label", "trace_id")
    assert field["datasourceUid"] == "jaeger"
    assert field["url"] == "$${__value.raw}"


def test_a_span_leads_to_logs_and_metrics() -> None:
    """Around its time: from before it began until after it ended."""
    options = SOURCES["jaeger"]["jsonData"]
    for way, source in (("tracesToLogsV2", "loki"), ("tracesToMetrics", "prometheus")):
        assert options[way]["datasourceUid"] == source
        assert options[way]["spanStartTimeShift"].startswith("-")
        assert not options[way]["spanEndTimeShift"].startswith("-")
    assert options["nodeGraph"]["enabled"]


def test_queries_from_a_span_name_known_metrics() -> None:
    """With the span's tags filled in."""
    for query in SOURCES["jaeger"]["jsonData"]["tracesToMetrics"]["queries"]:
        found = named(query["query"].replace("$$__tags", 'instance="checkout-1"'))
        assert found.metrics <= METRICS
        assert found.labels <= LABELS | {"span_kind"}


def test_alerts_are_prometheus_and_alertmanagers_own() -> None:
    """Grafana shows and silences them, and sends none itself."""
    assert SOURCES["prometheus"]["jsonData"]["alertmanagerUid"] == "alertmanager"
    assert SOURCES["alertmanager"]["jsonData"] == {
        "implementation": "prometheus",
        "handleGrafanaManagedAlerts": False,
    }


def test_every_variable_of_the_environment_is_one_that_grafana_is_given() -> None:
    """An unknown one would be empty, and Grafana would say nothing."""
    used = {name for text in TEXTS for name in re.findall(r"(?<!\$)\$\{(\w+)\}", text)}
    given = set(re.findall(r'"(\w+_(?:URL|DIR))"', inspect.getsource(grafana)))
    assert used == {
        "PROMETHEUS_URL",
        "LOKI_URL",
        "JAEGER_URL",
        "ALERTMANAGER_URL",
        "DASHBOARDS_DIR",
    }
    assert used <= given
