"""Panels drawn from answers, without a backend."""

import html
import json
import math
import re
from typing import Any

from observability.boards import Answer, Panel, Span, Target
from observability.console import units
from observability.console.charts import View, draw, fields, heatmap, plane, tables, timeseries
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


def found(pattern: str, drawn: str) -> list[Any]:
    """All that a pattern finds in what was drawn."""
    return re.findall(pattern, drawn)


def test_an_empty_panel_says_why() -> None:
    """A quiet one that all is well."""
    assert "no data in the time shown" in draw(panel("stat"), [answer()], VIEW)
    quiet = panel("stat", "**Empty when all is well:** nothing failed.")
    drawn = draw(quiet, [answer()], VIEW)
    assert "nothing failed" in drawn
    assert "calm" in drawn


def test_lines_have_names_colours_units_and_words() -> None:
    """The axis is scaled once, the label reads the last values, figures are in a table."""
    defaults = {"unit": "s", "custom": {"stacking": {"mode": "normal"}}}
    override = {
        "matcher": {"id": "byRegexp", "options": "/(^|[ ,])cart$/"},
        "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": "red"}}],
    }
    shown = panel("timeseries", fieldConfig={"defaults": defaults, "overrides": [override]})
    drawn = draw(shown, [answer(line("cart", 0.001, 0.002), line("catalog", 0.004))], VIEW)
    assert found(r'<li style="--shade:(.*?)" data-series="\d">(\w+)</li>', drawn) == [
        (fields.colour("red"), "cart"),
        (fields.palette(["catalog"])["catalog"], "catalog"),
    ]
    assert found("<span>([^<]+)</span>", drawn)[:4] == ["0 ms", "2 ms", "4 ms", "6 ms"]
    assert "cart 2 ms" in drawn
    assert "<td>4 ms</td>" in drawn
    told = json.loads(html.unescape(found('data-points="(.*?)"', drawn)[0]))
    assert told["series"][0][0::2] == ["cart", [[0, 0.001], [10, 0.002]]]


def test_a_stacked_series_stands_on_those_before_it() -> None:
    """The axis reaches to the sum; every area ends where the next begins."""
    custom = {"stacking": {"mode": "normal"}, "drawStyle": "bars"}
    shown = panel("timeseries", fieldConfig={"defaults": {"custom": custom}})
    drawn = draw(shown, [answer(line("a", 3), line("b", 5))], VIEW)
    assert found("<span>(8)</span>", drawn) == ["8"]
    assert found(r'class="area"[^>]*', drawn)
    first, second = (path.split("V") for path in found(r'<path d="(M[^"]*Z)"', drawn))
    assert first[1].split("H")[0] == second[2].rstrip("Z")


def test_a_gap_stays_a_gap() -> None:
    """No line is drawn over missing points or where there is no number."""
    points = [(1000.0, 1.0), (1005.0, 1.0), (1100.0, 2.0), (1105.0, math.nan), (1110.0, 3.0)]
    assert plane.stretches(points, 7.5) == [
        [(1000, 1.0), (1005, 1.0)],
        [(1100, 2.0)],
        [(1110, 3.0)],
    ]
    drawn = draw(panel("timeseries"), [answer(Series({"service": "a"}, points))], VIEW)
    [path] = found(r'<path d="([^"]*)" class="line"', drawn)
    assert path.count("M") == 3


def test_an_axis_ends_at_round_numbers() -> None:
    """In the unit that is shown, whatever the values are; below zero it goes on."""
    for low, high, unit, ends in (
        (0.0, 0.93, "s", ["0 ms", "250 ms"]),
        (0.0, 3 * 1024**2, "bytes", ["0 MiB", "1 MiB"]),
        (-3.0, 5.0, "short", ["-4", "-2"]),
        (0.0, 0.0, "short", ["0", "0.25"]),
    ):
        scale = units.scale(unit, high)
        reached = plane.plane(VIEW.span, low, high, scale)
        written = found("<span>(.*?)</span>", plane.frame(reached, scale, plane.grid(reached), ""))
        assert written[:2] == ends, unit
        assert reached.low <= low
        assert reached.high >= high


def test_exemplars_are_dots_that_name_their_trace() -> None:
    """And links below, for the keyboard."""
    dot = Exemplar({}, 0.9, 1050.0, TRACE)
    drawn = draw(panel("timeseries"), [answer(line("a", 0.1), exemplars=[dot])], VIEW)
    assert found(r'href="(.*?)" class="dot" style="(.*?)"', drawn) == [
        (f"/traces/{TRACE}", "left:16.67%;top:0.0%")
    ]
    assert drawn.count(f'href="/traces/{TRACE}"') == 2
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
    assert found(r'class="event was-start" style="left:(.*?)"', drawn) == ["33.33%"]
    assert "checkout started" in drawn
    assert not found('class="limit"', drawn), "a limit far above the lines is not drawn"
    high = draw(
        panel("timeseries", fieldConfig={"defaults": defaults}), [answer(line("a", 9))], VIEW
    )
    assert len(found('class="limit"', high)) == 1


def test_a_stat_takes_colour_and_word_from_the_dashboard() -> None:
    """Limits colour it, mappings name it."""
    steps = [{"color": "green", "value": None}, {"color": "red", "value": 0.05}]
    defaults: dict[str, Any] = {"unit": "percentunit", "thresholds": {"steps": steps}}
    drawn = draw(panel("stat", fieldConfig={"defaults": defaults}), [answer(line("a", 0.1))], VIEW)
    assert "10 %" in drawn
    assert fields.colour("red") in drawn
    defaults["mappings"] = [{"type": "value", "options": {"1": {"text": "up", "color": "green"}}}]
    named = draw(panel("stat", fieldConfig={"defaults": defaults}), [answer(line("a", 1))], VIEW)
    assert ">up<" in named


def test_a_gauge_has_a_meter_for_each_series() -> None:
    """Readable without seeing it."""
    shown = panel("gauge", fieldConfig={"defaults": {"unit": "percentunit", "max": 1}})
    html = draw(shown, [answer(line("pool", 0.4))], VIEW)
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
    drawn = draw(panel("heatmap"), [answer(*series)], VIEW)
    assert len(found("<rect", drawn)) == 2
    assert "≤ 100 ms" not in drawn
    assert "more at 00:16:40: 5" in drawn


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
    assert f'href="/traces/{TRACE}#span-ab"' in drawn
    assert "&lt;script&gt;" in drawn
    assert "order=7" in drawn
    assert "at=1000000000" in drawn


def test_a_panel_says_which_fields_stand_beside_a_line() -> None:
    """Those alone, in its order; who logged it stands there anyway."""
    fields = {"service_name": "belfry", "alert": "A", "drill": "d", "outcome": "ok"}
    found = LogLine(1_000_000_000, "drill_alert", fields)
    shown = panel("logs", options={"displayedFields": ["service_name", "outcome", "drill", "no"]})
    html = draw(shown, [answer(lines=[found])], VIEW)
    assert '<span class="fields">outcome=ok drill=d</span>' in html
    assert ">alert=A drill=d outcome=ok<" in draw(panel("logs"), [answer(lines=[found])], VIEW)


def test_what_is_counted_in_whole_numbers_has_a_whole_axis() -> None:
    """No second label for the same number."""
    whole = panel("timeseries", fieldConfig={"defaults": {"decimals": 0}})
    drawn = [draw(one, [answer(line("a", 1))], VIEW) for one in (whole, panel("timeseries"))]
    axes = [found("<span>([^<]+)</span>", one) for one in drawn]
    assert axes[0][:2] == ["0", "1"]
    assert axes[1][:3] == ["0", "0.25", "0.5"]


def test_a_line_about_a_notification_leads_to_its_incident() -> None:
    """Where its evidence and its runbook are."""
    fields = {"service_name": "console", "notification": "17", "alert": "TokenAbuse"}
    found = LogLine(1_000_000_000, "notification_received", fields)
    assert '<a href="/alerts/17">17</a>' in draw(panel("logs"), [answer(lines=[found])], VIEW)


def test_a_kind_that_is_not_drawn_says_so() -> None:
    """Rather than to break the page."""
    assert "does not draw" in draw(panel("geomap"), [answer(line("a", 1))], VIEW)


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
