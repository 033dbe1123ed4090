"""Values as a person says them."""

from __future__ import annotations

import math

from observability.alerting.evidence.model import Unit

_TIMES = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_SIZES = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"))


def human(value: float, unit: Unit) -> str:
    """`62.5 %`, `1.5 s`, `3.2 MiB`, `1234`; infinite and undefined ones are said in words."""
    if math.isnan(value):
        return "no value"
    if math.isinf(value):
        return "beyond measure"
    if unit == "ratio":
        return f"{value * 100:.3g} %"
    if unit == "seconds":
        return _scaled(value, _TIMES, "s")
    if unit == "bytes":
        return _scaled(value, _SIZES, "B")
    return f"{value:,.0f}" if abs(value) >= 1000 or value.is_integer() else f"{value:.3g}"


def unit_of(expression: str, annotations: dict[str, str]) -> Unit:
    """Of a rule: what its annotations turn `$value` into, else what its metric's name ends in."""
    texts = " ".join(annotations.values())
    for function, unit in _FUNCTIONS.items():
        if f"$value | {function}" in texts:
            return unit
    if "_bytes" in expression:
        return "bytes"
    if "histogram_quantile" in expression and "_seconds" in expression:
        return "seconds"
    return "number"


_FUNCTIONS: dict[str, Unit] = {
    "humanizePercentage": "ratio",
    "humanizeDuration": "seconds",
    "humanize1024": "bytes",
}


def _scaled(value: float, scales: tuple[tuple[float, str], ...], least: str) -> str:
    for size, name in scales:
        if abs(value) >= size:
            return f"{value / size:.3g} {name}"
    return f"{value:.3g} {least}"
