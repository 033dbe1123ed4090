"""Which labels and fields a LogQL expression names."""

import pytest

from observability.proof.verify.logql import LogqlError, named


@pytest.mark.parametrize(
    ("expr", "labels", "fields"),
    [
        ('{service_name="checkout"}', {"service_name"}, set()),
        ('{a="b", level=~"error|critical"} |= "text" != `more`', {"a", "level"}, set()),
        ('{a="b"} | trace_id="x" | status >= 500', {"a"}, {"trace_id", "status"}),
        ('{a="b"} | json | order_id != ""', {"a"}, {"order_id"}),
        ('sum by (a, event) (rate({a="b"}[5m]))', {"a"}, {"event"}),
        ('quantile_over_time(0.9, {a="b"} | unwrap seconds [5m])', {"a"}, {"seconds"}),
        ('{a="b"} | line_format "{{.reason}} {{.user | upper}}"', {"a"}, {"reason", "user"}),
        ('{a="b"} | label_format kind=event | kind="x"', {"a"}, set()),
        ('{a=~"$service"} |~ `(?i)$search` | trace_id=~`$id.*` [$__interval]', {"a"}, {"trace_id"}),
    ],
)
def test_labels_and_fields_are_told_apart(expr: str, labels: set[str], fields: set[str]) -> None:
    """What stands in braces is a stream's label; what a pipeline compares or groups by, a field."""
    found = named(expr)
    assert found.labels == labels
    assert found.fields == fields


def test_what_cannot_be_logql_is_refused() -> None:
    """With the place at which it goes wrong."""
    with pytest.raises(LogqlError, match="at 6"):
        named('{a="b"§')
