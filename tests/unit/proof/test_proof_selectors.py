"""Which labels an expression expects of which metric."""

from observability.proof.verify.selectors import expected


def test_labels_in_braces_belong_to_the_metric_before_them() -> None:
    """Each metric has its own; those it groups by may be of any."""
    found = expected('sum by (c) (rate(one{a="x"}[1m])) / on (d) two{b=~"y"}')
    assert found.matched == {"one": {"a"}, "two": {"b"}}
    assert found.grouped == {"c", "d"}


def test_labels_that_are_asked_to_be_absent_are_not_expected() -> None:
    """`{a=""}` matches series without the label."""
    assert expected('one{a="",b!=""}').matched == {"one": {"b"}}


def test_labels_that_the_expression_makes_are_not_expected() -> None:
    """By `label_replace` and `label_join`."""
    found = expected('sum by (made, real) (label_replace(one, "made", "$1", "from", "(.*)"))')
    assert found.grouped == {"real"}


def test_a_metric_named_by_a_matcher_is_one() -> None:
    """`{__name__="one"}` has its labels like `one{}`."""
    found = expected('{__name__="one",a="x"}')
    assert found.matched == {"one": set()}
    assert found.grouped == {"a"}
