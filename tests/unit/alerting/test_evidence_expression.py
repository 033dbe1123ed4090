"""What a rule measures is read off its expression; figures are said in human units."""

import pytest

from observability.alerting.evidence.chart import sparkline, svg
from observability.alerting.evidence.expression import Measured, measured
from observability.alerting.evidence.model import Figure, Unit
from observability.alerting.evidence.units import human, unit_of


@pytest.mark.parametrize(
    ("rule", "expression", "limit"),
    [
        ("up == 0", "up", 0.0),
        ("(\n  sum(a) / sum(b)\n) > 0.05\nand\nsum(c) >= 5", "sum(a) / sum(b)", 0.05),
        ('max by (x) (up{job="a or b > 1"}) == 0 or (up unless b)', None, 0.0),
        ("(a > (14.4 * 0.001) and b > 0.1) or (c > 6)", "a", 0.0144),
        ("0.5 < rate(x[5m])", "rate(x[5m])", 0.5),
        ("a > b", "a", None),
        ("vector(1)", "vector(1)", None),
        ('sum(count_over_time({a="b"} |= "x > 1" [1m])) > 10', None, 10.0),
        ("predict_linear(free[1h], 3600) < bool 0", "predict_linear(free[1h], 3600)", 0.0),
    ],
)
def test_the_figure_of_a_rule(rule: str, expression: str | None, limit: float | None) -> None:
    """The left side of the first comparison, with what it is compared to if that is a number."""
    found = measured(rule)
    assert found.limit == pytest.approx(limit)
    assert found.expression == expression or (expression is None and found.expression in rule)


def test_what_cannot_be_taken_apart_measures_itself() -> None:
    """Unbalanced brackets and the like end in an expression, not in an error."""
    assert measured("(((a") == Measured("(((a", None)
    assert measured("") == Measured("", None)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.625, "ratio", "62.5 %"),
        (1.5, "seconds", "1.5 s"),
        (0.25, "seconds", "250 ms"),
        (5400.0, "seconds", "1.5 h"),
        (3.2 * 2**20, "bytes", "3.2 MiB"),
        (12_345.0, "number", "12,345"),
        (float("nan"), "number", "no value"),
        (float("inf"), "seconds", "beyond measure"),
    ],
)
def test_figures_in_human_units(value: float, unit: Unit, text: str) -> None:
    """As a person would write them."""
    assert human(value, unit) == text


def test_the_unit_is_that_of_the_rules_own_texts() -> None:
    """Else what the metric's name says."""
    assert unit_of("x", {"summary": "{{ $value | humanizePercentage }}"}) == "ratio"
    assert unit_of("histogram_quantile(0.9, a_seconds_bucket)", {}) == "seconds"
    assert unit_of("process_resident_memory_bytes", {}) == "bytes"
    assert unit_of("messaging_queue_depth", {}) == "number"


def test_the_chart_is_drawn_without_anything_to_load() -> None:
    """SVG with the limit, and characters for a terminal; neither without points."""
    points = [(1000.0 + 5 * i, i / 60) for i in range(61)]
    figure = Figure(
        expression="a < b",
        unit="ratio",
        value=1.0,
        text="100 %",
        limit=0.05,
        limit_text="5 %",
        points=points,
    )
    drawn = svg(figure)
    assert drawn.startswith("<svg")
    assert "stroke-dasharray" in drawn
    assert "<script" not in drawn
    line = sparkline(figure)
    assert line[0] == "▁"
    assert line[-1] == "█"
    assert len(line) <= 40
    empty = figure.model_copy(update={"points": []})
    assert (svg(empty), sparkline(empty)) == ("", "")
