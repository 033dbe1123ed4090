"""The metrics and labels that a PromQL expression names are told from all its other words."""

import pytest

from observability.proof.promql import PromqlError, named, tokens


@pytest.mark.parametrize(
    ("expr", "metrics", "labels"),
    [
        ("up", {"up"}, set()),
        ('up{job="services"} == 0', {"up"}, {"job"}),
        ("sum by (a, b) (rate(x_total[$interval]))", {"x_total"}, {"a", "b"}),
        ("sum(x) without (c)", {"x"}, {"c"}),
        ("a * on (instance) group_left (version) b", {"a", "b"}, {"instance", "version"}),
        ("a / ignoring(x) group_right b offset 5m", {"a", "b"}, {"x"}),
        ("(a or vector(0)) unless b and c", {"a", "b", "c"}, set()),
        ('{__name__="x_total", job=~"a|b"}', {"x_total"}, {"job"}),
        ('{"http.requests", code!="200"}', {"http.requests"}, {"code"}),
        ("histogram_quantile(0.95, sum by (le) (rate(h_bucket[1h30m])))", {"h_bucket"}, {"le"}),
        ('x{a="by (z) {y}", b=`raw "quoted"`} > bool 1e-3', {"x"}, {"a", "b"}),
        ("time() - job:start:max # a comment about y\n", {"job:start:max"}, set()),
        ('count_values("version", build_info) ^ -Inf', {"build_info"}, set()),
        ("sum(up{a='1',})", {"up"}, {"a"}),
    ],
)
def test_metrics_and_labels_are_found(expr: str, metrics: set[str], labels: set[str]) -> None:
    """Functions, keywords, durations, strings, comments and variables are neither."""
    found = named(expr)
    assert (found.metrics, found.labels) == (metrics, labels)


@pytest.mark.parametrize("expr", ["up ? 1", "up{job=", "sum by (a"])
def test_what_cannot_be_promql_is_refused(expr: str) -> None:
    """A stray sign or an unfinished list names the place."""
    with pytest.raises(PromqlError):
        named(expr)


def test_tokens_know_where_they_begin() -> None:
    """So that a message can point at one."""
    assert [(token.text, token.position) for token in tokens("a  + 5m")] == [
        ("a", 0),
        ("+", 3),
        ("5m", 5),
    ]
