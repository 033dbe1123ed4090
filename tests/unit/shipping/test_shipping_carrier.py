"""Where the carrier goes and what it asks."""

import pytest

from services.shipping import carrier


@pytest.mark.parametrize(("items", "parcels"), [(1, 1), (10, 1), (11, 2), (100, 10), (101, 11)])
def test_price_grows_by_the_parcel(items: int, parcels: int) -> None:
    """Ten items fit into one."""
    standard, express = carrier.quotes("NL", items)
    assert standard.price_cents == 495 * parcels
    assert express.price_cents == 995 * parcels


@pytest.mark.parametrize("country", ["NL", *sorted(carrier.NEAR), *sorted(carrier.FAR)])
def test_country_with_a_price_is_delivered_to(country: str) -> None:
    """Cheapest first, express quicker, no refusal."""
    standard, express = carrier.quotes(country, 1)
    assert (standard.method, express.method) == ("standard", "express")
    assert standard.price_cents < express.price_cents
    assert standard.days > express.days
    assert carrier.refusal(country) is None


def test_antarctica_is_refused_only_at_the_door() -> None:
    """It has a price, so that an order gets as far as its parcel."""
    assert carrier.quotes("AQ", 1)
    assert carrier.refusal("AQ")


def test_unknown_country_is_refused_throughout() -> None:
    """No price and no delivery."""
    assert carrier.quotes("XA", 1) == []
    assert carrier.refusal("XA")


def test_tracking_numbers_differ() -> None:
    """And have one form."""
    numbers = {carrier.tracking_number() for _ in range(100)}
    assert len(numbers) == 100
    assert all(len(number) == 14 and number.startswith("BF") for number in numbers)
