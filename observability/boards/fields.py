"""What is typed into a search for traces: attributes, and lengths of time."""

import re

_DURATION = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|us|µs|s|m)?\s*$")
_UNITS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, None: 1e-3}


def attributes(text: str) -> dict[str, str]:
    """`error=true http.route=/orders` as a mapping; what is no pair is left out."""
    pairs = (one.partition("=") for one in text.split())
    return {key: value for key, _, value in pairs if value}


def seconds(text: str) -> float | None:
    """A length of time such as `250ms`, `1.5s` or, in milliseconds, `250`; None if it is none."""
    found = _DURATION.match(text)
    return float(found["number"]) * _UNITS[found["unit"]] if found else None
