"""Numbers, times and addresses as the console writes and reads them."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from observability.console import addresses, timerange, units
from observability.console.markup import Markup, element, join, table
from observability.console.timerange import TimeRange

DASHBOARDS = Path(__file__).parents[3] / "dashboards"


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (0.0032, "s", "3.20 ms"),
        (0.00000045, "s", "450 ns"),
        (90.5, "s", "90.5 s"),
        (5400, "s", "90 min"),
        (250, "ms", "250 ms"),
        (0, "s", "0 s"),
        (0.0123, "percentunit", "1.23 %"),
        (1, "percentunit", "100 %"),
        (1536, "bytes", "1.50 KiB"),
        (3 * 1024**3, "Bps", "3 GiB/s"),
        (12.34, "reqps", "12.3 req/s"),
        (1234567, "short", "1.23 M"),
        (42, "none", "42"),
        (19.5, "currencyEUR", "€ 19.5"),
        (7, "parcels", "7 parcels"),
        (math.inf, "short", "∞"),
    ],
)
def test_a_value_is_written_with_its_unit(value: float, unit: str, written: str) -> None:
    """At a scale that leaves three digits or so."""
    assert units.text(value, unit) == written


@pytest.mark.parametrize("value", [None, math.nan])
def test_no_value_is_a_dash(value: float | None) -> None:
    """A hole is not a zero."""
    assert units.text(value, "s") == "—"


def test_the_unit_of_every_panel_is_known() -> None:
    """A new unit in a dashboard must be taught to the console."""
    found: set[str] = set()

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("unit"), str):
                found.add(part["unit"])
            for one in part.values():
                walk(one)
        elif isinstance(part, list):
            for one in part:
                walk(one)

    for path in DASHBOARDS.glob("*.json"):
        walk(json.loads(path.read_text(encoding="utf-8")))
    assert found
    assert found <= units.KNOWN


def test_a_range_reads_grafanas_notation() -> None:
    """Relative or in milliseconds; nonsense is the default."""
    assert timerange.parse("now-15m", "now").span(now=1000.0).start == 100.0
    fixed = timerange.parse("1000000", "1600000").span()
    assert (fixed.start, fixed.end) == (1000.0, 1600.0)
    assert timerange.parse("yesterday", "'").start == timerange.DEFAULT
    assert timerange.parse(None, None).words == "last 30 minutes"


def test_a_range_is_never_empty_backwards_or_endless() -> None:
    """Whatever the address says."""
    backwards = timerange.parse("2000000", "1000000").span()
    assert backwards.start < backwards.end
    endless = timerange.parse("0", "now").span()
    assert endless.end - endless.start <= 31 * 86_400


def test_links_to_grafana_stay_in_the_console() -> None:
    """Dashboards, traces and log searches that a data link names."""
    shown = TimeRange("now-5m", "now")
    link = "/d/service-detail?${__url_time_range}&var-service=${__value.text}"
    assert addresses.with_values(link, {"__value.text": "a&b"}, shown, {}) == (
        "/dashboards/service-detail?from=now-5m&to=now&var-service=a%26b"
    )
    pane = {"queries": [{"datasource": {"type": "loki"}, "expr": '{a="b"}'}], "range": {}}
    assert addresses.from_explore({"panes": json.dumps({"a": pane})}).startswith("/logs?")
    jaeger = {"queries": [{"datasource": {"type": "jaeger"}, "query": "abc"}]}
    assert addresses.from_explore({"panes": json.dumps({"a": jaeger})}) == "/traces/abc"
    assert addresses.from_explore({"panes": "nonsense"}) == "/traces"
    assert addresses.from_explore({"panes": "[1]"}) == "/traces"


def test_a_link_takes_along_what_is_chosen() -> None:
    """Each value of a variable that the link passes on, in the form that an address has."""
    link = "/d/slo?${__url_time_range}&${environment:queryparam}&${interval:queryparam}"
    chosen = {"environment": ("live", "a&b"), "interval": ("$__auto",), "service": ("cart",)}
    assert addresses.with_values(link, {}, TimeRange("now-5m", "now"), chosen) == (
        "/dashboards/slo?from=now-5m&to=now"
        "&var-environment=live&var-environment=a%26b&var-interval=%24__auto"
    )


def test_text_from_outside_is_escaped() -> None:
    """In content and in attributes; what is markup already stays."""
    made = element("a", "<b>", element("i", "&"), href='"x', hidden=True, title=None)
    assert made == '<a href="&#34;x" hidden>&lt;b&gt;<i>&amp;</i></a>'
    assert join(["<", Markup("<br>")]) == "&lt;<br>"
    assert "&lt;td&gt;" in table(["H"], [["<td>"]], "Caption")
