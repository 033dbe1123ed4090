"""Selectors of alerts in scenarios."""

import pytest

from observability.proof.drill.selector import Selector

CART = {"alertname": "ServiceDown", "service_name": "cart", "instance": "cart-1"}


@pytest.mark.parametrize(
    "text",
    [
        "ServiceDown",
        'ServiceDown{service_name="cart"}',
        '{service_name=~"cart|catalog", instance="cart-1"}',
        'ServiceDown{service_name!="catalog",instance!~"worker-.*"}',
        'ServiceDown{missing=""}',
    ],
)
def test_a_selector_means_alerts_with_its_name_and_labels(text: str) -> None:
    """Name, equality, patterns and their opposites are as in PromQL."""
    assert Selector.parse(text).matches(CART)


@pytest.mark.parametrize(
    "text",
    [
        "ReplicaDown",
        'ServiceDown{service_name="cat"}',
        'ServiceDown{service_name=~"car"}',
        'ServiceDown{service_name!="cart"}',
        'ServiceDown{missing="x"}',
    ],
)
def test_other_alerts_are_not_meant(text: str) -> None:
    """A pattern must hold for the whole value; a missing label is an empty one."""
    assert not Selector.parse(text).matches(CART)


@pytest.mark.parametrize("text", ["", "{}", "Two Words", "Alert{label}", 'Alert{a="b" c="d"}'])
def test_what_is_no_selector_is_refused(text: str) -> None:
    """A mistake in the file is found when it is read, not when nothing rings."""
    with pytest.raises(ValueError, match="is not of the form"):
        Selector.parse(text)


def test_a_selector_prints_as_it_was_written() -> None:
    """So that reports say what the file says."""
    assert str(Selector.parse(' ServiceDown{service_name="cart"} ')) == (
        'ServiceDown{service_name="cart"}'
    )
