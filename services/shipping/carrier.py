"""The carrier: where it goes, what it asks, what it refuses. Simulated, and always of one mind."""

import secrets
from dataclasses import dataclass

HOME = "NL"
NEAR = frozenset(
    ["AT", "BE", "CZ", "DE", "DK", "ES", "FI", "FR", "IE", "IT", "LU", "PL", "PT", "SE"]
)
FAR = frozenset(
    ["AU", "BR", "CA", "CH", "GB", "IN", "JP", "KR", "MX", "NO", "NZ", "SG", "US", "ZA"]
)
ON_PAPER = frozenset({"AQ"})
"""In the price list, but refused when a parcel is handed over: what a saga must compensate."""

ITEMS_PER_PARCEL = 10


@dataclass(frozen=True, slots=True)
class Rate:
    """What a method of shipping costs for one parcel."""

    method: str
    price_cents: int
    days: int


RATES = {
    "home": (Rate("standard", 495, 2), Rate("express", 995, 1)),
    "near": (Rate("standard", 895, 4), Rate("express", 1995, 2)),
    "far": (Rate("standard", 1995, 12), Rate("express", 4995, 5)),
}


def zone(country: str) -> str | None:
    """The price zone of a country; None if it is not served."""
    if country == HOME:
        return "home"
    if country in NEAR:
        return "near"
    return "far" if country in FAR | ON_PAPER else None


def quotes(country: str, items: int) -> list[Rate]:
    """What shipping so many items costs, cheapest first; empty if the country is not served."""
    name = zone(country)
    if name is None:
        return []
    parcels = -(-items // ITEMS_PER_PARCEL)
    return [Rate(rate.method, rate.price_cents * parcels, rate.days) for rate in RATES[name]]


def refusal(country: str) -> str | None:
    """Why the carrier does not take a parcel to a country; None if it does."""
    if zone(country) is None or country in ON_PAPER:
        return f"The carrier does not deliver to {country}."
    return None


def tracking_number() -> str:
    """A new one."""
    return f"BF{secrets.randbelow(10**10):010d}NL"
