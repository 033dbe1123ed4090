"""Panels drawn from answers, without a backend."""

import math
from typing import Any

from observability.boards import Answer, Panel, Span, Target
from observability.console.charts import Drawing, View, draw, fields, heatmap, tables, timeseries
from observability.console.charts.graph import Edge, Figures, ServiceMap, picture
from observability.console.charts.layout import place
from observability.console.charts.view import Mark
from observability.console.timerange import TimeRange
from observability.console.topology import QUERIES, assembled
from observability.query import Exemplar, LogLine, Sample, Series

VIEW = View(TimeRange("now-5m", "now"), Span(1000, 1300), [Mark(1100, "checkout started", "start")])
TRACE = "0123456789abcdef0123456789abcdef"


def panel(kind: str, description: str = "", **raw: Any) -> Panel:
    """A panel without targets."""
    return Panel(1, kind, "Requests", description, 0, 0, 8, 8, (), raw)


def answer(*series: Series, ref: str = "A", legend: str = "{{service}}", **more: Any) -> Answer:
    """What a query answered."""
    target = Target(ref, "prometheus", {"legendFormat": legend})
    return Answer(target, "up", series=list(series), **more)


def line(service: str, *values: float) -> Series:
    """A series with a point every ten seconds."""
    return Series({"service": service}, [(1000 + 10 * n, v) for n, v in enumerate(values)])


def chart(drawing: Drawing) -> dict[str, Any]:
    """Its chart."""
    assert drawing.chart is not None
    return drawing.chart


def test_an_empty_panel_says_why() -> None:
    """A quiet one that all is well."""
    assert "no data in the time shown" in draw(panel("stat"), [answer()], VIEW).html
    quiet = panel("stat", "**Empty when all is well:** nothing failed.")
    drawn = draw(quiet, [answer()], VIEW)
    assert "nothing failed" in drawn.html
    assert "calm" in drawn.html


def test_lines_have_names_colours_units_and_words() -> None:
    """The axis is scaled once, the label reads the last values, figures are in a table."""
    defaults = {"unit": "s", "custom": {"stacking": {"mode": "normal"}}}
    override = {
        "matcher": {"id": "byRegexp", "options": "/(^|[ ,])cart$/"},
        "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": "red"}}],
    }
    shown = panel("timeseries", fieldConfig={"defaults": defaults, "overrides": [override]})
    drawn = draw(shown, [answer(line("cart", 0.001, 0.002), line("catalog", 0.004))], VIEW)
    first, second = chart(drawn)["series"]
    assert (first["name"], first["stack"]) == ("cart", "all")
    assert first["itemStyle"]["color"] == fields.colour("red")
    assert first["itemStyle"] != second["itemStyle"]
    assert '" ms"' in chart(drawn)["yAxis"]["axisLabel"][":formatter"]
    assert "cart 2 ms" in drawn.label
    assert "<td>4 ms</td>" in drawn.html


def test_a_gap_stays_a_gap() -> None:
    """No line is drawn over missing points."""
    series = Series({"service": "a"}, [(1000, 1.0), (1100, 2.0), (1110, math.nan)])
    data = chart(draw(panel("timeseries"), [answer(series)], VIEW))["series"][0]["data"]
    assert [1005000, None] in data
    assert data[-1] == [1110000, None]


def test_exemplars_are_dots_that_name_their_trace() -> None:
    """And links below, for the keyboard."""
    dot = Exemplar({}, 0.9, 1050.0, TRACE)
    drawn = draw(panel("timeseries"), [answer(line("a", 0.1), exemplars=[dot])], VIEW)
    assert chart(drawn)["series"][-1]["data"][0]["trace"] == TRACE
    assert f'href="/traces/{TRACE}"' in drawn.html
    many = [Exemplar({}, float(n), 1000.0 + n, TRACE) for n in range(500)]
    kept = timeseries.thinned(many)
    assert len(kept) <= 60
    assert many[-1] in kept


def test_marks_and_limits_are_lines_across() -> None:
    """What happened, and from where on a value is bad."""
    defaults = {
        "thresholds": {"steps": [{"color": "green", "value": None}, {"color": "red", "value": 5}]},
        "custom": {"thresholdsStyle": {"mode": "line"}},
    }
    drawn = draw(
        panel("timeseries", fieldConfig={"defaults": defaults}), [answer(line("a", 1))], VIEW
    )
    across = chart(drawn)["series"][0]["markLine"]["data"]
    assert [one.get("yAxis", one.get("xAxis")) for one in across] == [5, 1100000]


def test_a_stat_takes_colour_and_word_from_the_dashboard() -> None:
    """Limits colour it, mappings name it."""
    steps = [{"color": "green", "value": None}, {"color": "red", "value": 0.05}]
    defaults: dict[str, Any] = {"unit": "percentunit", "thresholds": {"steps": steps}}
    drawn = draw(panel("stat", fieldConfig={"defaults": defaults}), [answer(line("a", 0.1))], VIEW)
    assert "10 %" in drawn.html
    assert fields.colour("red") in drawn.html
    defaults["mappings"] = [{"type": "value", "options": {"1": {"text": "up", "color": "green"}}}]
    named = draw(panel("stat", fieldConfig={"defaults": defaults}), [answer(line("a", 1))], VIEW)
    assert ">up<" in named.html


def test_a_gauge_has_a_meter_for_each_series() -> None:
    """Readable without seeing it."""
    shown = panel("gauge", fieldConfig={"defaults": {"unit": "percentunit", "max": 1}})
    html = draw(shown, [answer(line("pool", 0.4))], VIEW).html
    assert 'role="meter"' in html
    assert 'aria-valuenow="0.4"' in html
    assert "width:40.0%" in html


def test_a_table_is_merged_renamed_ordered_and_sorted() -> None:
    """As the dashboard's transformations say."""
    organize = {
        "excludeByName": {"Time": True},
        "indexByName": {"service": 0, "Value #B": 1, "Value #A": 2},
        "renameByName": {"service": "Service", "Value #A": "Rate", "Value #B": "p95"},
    }
    shown = panel(
        "table",
        transformations=[{"id": "merge"}, {"id": "organize", "options": organize}],
        options={"sortBy": [{"displayName": "Rate", "desc": True}]},
    )
    rows = tables.merged(
        [answer(line("a", 1), line("b", math.nan), line("c", 7)), answer(line("a", 9), ref="B")]
    )
    columns, arranged = tables.arranged(shown, rows)
    assert columns == ["Service", "p95", "Rate"]
    assert [row["Service"] for row in arranged] == ["c", "a", "b"]
    assert arranged[1]["p95"] == 9


def test_buckets_of_a_heatmap_hold_what_is_theirs_alone() -> None:
    """Prometheus' hold all below their limit; a shrinking one does not go below zero."""
    series = [
        Series({"le": limit}, [(1000, count)])
        for limit, count in (("+Inf", 9.0), ("0.1", 4.0), ("1", 3.9))
    ]
    limits, moments, cells = heatmap.spread([answer(*series)])
    assert limits == [0.1, 1.0, math.inf]
    assert moments == [1000]
    assert cells == [(0, 0, 4.0), (0, 1, 0.0), (0, 2, 5.0)]
    assert draw(panel("heatmap"), [answer(*series)], VIEW).chart is not None


def test_log_lines_lead_to_their_trace_and_their_neighbours() -> None:
    """Text from a service is only text."""
    found = LogLine(
        1_000_000_000,
        '{"event": "<script>"}',
        {
            "trace_id": TRACE,
            "span_id": "ab",
            "service_name": "cart",
            "level": "error",
            "order": "7",
        },
    )
    drawn = draw(panel("logs"), [answer(lines=[found])], VIEW)
    assert f'href="/traces/{TRACE}#span-ab"' in drawn.html
    assert "&lt;script&gt;" in drawn.html
    assert "order=7" in drawn.html
    assert "at=1000000000" in drawn.html


def test_a_panel_says_which_fields_stand_beside_a_line() -> None:
    """Those alone, in its order; who logged it stands there anyway."""
    fields = {"service_name": "belfry", "alert": "A", "drill": "d", "outcome": "ok"}
    found = LogLine(1_000_000_000, "drill_alert", fields)
    shown = panel("logs", options={"displayedFields": ["service_name", "outcome", "drill", "no"]})
    html = draw(shown, [answer(lines=[found])], VIEW).html
    assert '<span class="fields">outcome=ok drill=d</span>' in html
    assert ">alert=A drill=d outcome=ok<" in draw(panel("logs"), [answer(lines=[found])], VIEW).html


def test_what_is_counted_in_whole_numbers_has_a_whole_axis() -> None:
    """No second label for the same number."""
    whole = panel("timeseries", fieldConfig={"defaults": {"decimals": 0}})
    assert chart(draw(whole, [answer(line("a", 1))], VIEW))["yAxis"]["minInterval"] == 1
    assert (
        "minInterval" not in chart(draw(panel("timeseries"), [answer(line("a", 1))], VIEW))["yAxis"]
    )


def test_a_line_about_a_notification_leads_to_its_incident() -> None:
    """Where its evidence and its runbook are."""
    fields = {"service_name": "console", "notification": "17", "alert": "TokenAbuse"}
    found = LogLine(1_000_000_000, "notification_received", fields)
    assert '<a href="/alerts/17">17</a>' in draw(panel("logs"), [answer(lines=[found])], VIEW).html


def test_a_kind_that_is_not_drawn_says_so() -> None:
    """Rather than to break the page."""
    assert "does not draw" in draw(panel("geomap"), [answer(line("a", 1))], VIEW).html


def test_callers_stand_left_of_whom_they_call() -> None:
    """A cycle has a place too."""
    places = place(["a", "b", "c"], [("a", "b"), ("b", "c"), ("c", "b"), ("b", "b")])
    assert [places[name].column for name in "abc"] == [0, 1, 2]
    assert place(["x", "y"], [("x", "y"), ("y", "x")])["y"].column == 1
    assert place([], []) == {}


def test_the_map_says_who_fails_and_how_slow() -> None:
    """By colour, in words, and in a table."""
    edges = [Edge("gateway", "cart", "http", Figures(2.0, 0.1, 0.25))]
    found = ServiceMap({"gateway": Figures(5.0, 0.0, 0.1), "cart": Figures(2.0, 0.1, 0.2)}, edges)
    html = picture(found, VIEW.shown, "Service map")
    assert 'class="node bad"' in html
    assert "gateway to cart (http): 2 req/s · 10 % fail · p95 250 ms" in html
    assert "/dashboards/service-detail?from=now-5m&amp;to=now&amp;var-service=cart" in html


def test_a_worker_is_counted_by_the_messages_it_handles() -> None:
    """It answers no requests."""
    answers: dict[str, list[Sample]] = {name: [] for name in QUERIES}
    worker = {"service_name": "worker"}
    answers["known"] = [Sample(worker, 1)]
    answers["handled"] = [Sample(worker, 4.0)]
    answers["mishandled"] = [Sample(worker, 1.0)]
    answers["handled_p95"] = [Sample(worker, math.nan)]
    edge = {"client": "checkout", "server": "worker", "connection_type": "messaging"}
    answers["calls"] = [Sample(edge, 4.0)]
    found = assembled(answers)
    assert found.nodes["worker"] == Figures(4.0, 0.25, None)
    assert found.nodes["checkout"].state == "idle"
    assert found.edges[0].kind == "messaging"
