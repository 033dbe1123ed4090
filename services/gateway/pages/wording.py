"""How the pages put things: money, times, names of states."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

NOTICES = {
    "added": "It is in your cart.",
    "updated": "The cart is updated.",
    "removed": "It is out of your cart.",
    "welcome": "Welcome. You are signed in.",
    "signed_out": "You are signed out.",
    "sign_in": "Please sign in first.",
    "placed": "Thank you. Your order is placed.",
    "in_progress": "We have your order and are still at work on it.",
    "sent_before": "This form was sent before: this is the order that it placed.",
    "cancelled": "The order is being cancelled.",
    "password_changed": "Your password is changed. Everywhere else you are signed out.",
}

# In the order of their names. Not all are served: which, shipping says.
COUNTRIES = {
    "AQ": "Antarctica",
    "AU": "Australia",
    "AT": "Austria",
    "BE": "Belgium",
    "BR": "Brazil",
    "CA": "Canada",
    "CZ": "Czechia",
    "DK": "Denmark",
    "FI": "Finland",
    "FR": "France",
    "DE": "Germany",
    "IS": "Iceland",
    "IN": "India",
    "IE": "Ireland",
    "IT": "Italy",
    "JP": "Japan",
    "LU": "Luxembourg",
    "MX": "Mexico",
    "NL": "Netherlands",
    "NZ": "New Zealand",
    "NO": "Norway",
    "PL": "Poland",
    "PT": "Portugal",
    "SG": "Singapore",
    "ZA": "South Africa",
    "KR": "South Korea",
    "ES": "Spain",
    "SE": "Sweden",
    "CH": "Switzerland",
    "GB": "United Kingdom",
    "US": "United States",
}

_WRONG = frozenset({"failed", "declined", "cancelled", "refused", "expired", "compensated"})
_DONE = frozenset({"done", "ok", "succeeded", "completed", "refunded", "released", "not_needed"})


def euros(cents: int) -> str:
    """Return an amount in cents as euros, such as €1,234.50."""
    sign = "-" if cents < 0 else ""
    return f"{sign}€{abs(cents) / 100:,.2f}"


def words(name: str) -> str:
    """Return a name such as in_transit as words, such as In transit."""
    spaced = name.replace("_", " ").replace("-", " ")
    return spaced[:1].upper() + spaced[1:]


def moment(at: datetime) -> str:
    """Return a time as day and minute in UTC."""
    return f"{at.astimezone(UTC):%-d %B %Y, %H:%M} UTC"


def clock(at: datetime) -> str:
    """Return a time as hours, minutes and seconds in UTC."""
    return f"{at.astimezone(UTC):%H:%M:%S}"


def country(code: str) -> str:
    """Return the name of a country."""
    return COUNTRIES.get(code, code)


def tone(product_id: str) -> int:
    """Return which of the six tones a product's picture has; always the same for a product."""
    return crc32(product_id.encode()) % 6


def went_wrong(state: str) -> bool:
    """Whether a step of an order ended badly."""
    return state in _WRONG


def is_done(state: str) -> bool:
    """Whether a step of an order ended well."""
    return state in _DONE


FILTERS: dict[str, Callable[..., Any]] = {
    "euros": euros,
    "words": words,
    "moment": moment,
    "clock": clock,
    "country": country,
    "tone": tone,
    "went_wrong": went_wrong,
    "is_done": is_done,
}
