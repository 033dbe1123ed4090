"""Numbers as text: Grafana's unit ids turned into scale, prefix and suffix."""

import math
from dataclasses import dataclass

_TIME = (
    (1e-6, 1e9, " ns"),
    (1e-3, 1e6, " µs"),
    (1.0, 1e3, " ms"),
    (120.0, 1.0, " s"),
    (7_200.0, 1 / 60, " min"),
    (172_800.0, 1 / 3_600, " h"),
    (math.inf, 1 / 86_400, " d"),
)
_COUNT = ((1e3, 1.0, ""), (1e6, 1e-3, " k"), (1e9, 1e-6, " M"), (math.inf, 1e-9, " G"))
_BYTES = (
    (1024.0, 1.0, " B"),
    (1024.0**2, 1 / 1024, " KiB"),
    (1024.0**3, 1 / 1024**2, " MiB"),
    (math.inf, 1 / 1024**3, " GiB"),
)
_SUFFIXES = {"reqps": " req/s", "cps": "/s", "ops": " ops/s", "rps": "/s", "wps": "/s"}
_SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9, "m": 60.0, "h": 3600.0}
_PERCENT = {"percent": 1.0, "percentunit": 100.0}
_PER_BYTES = {"bytes": "", "decbytes": "", "Bps": "/s", "binBps": "/s"}
_PREFIXES = {"currencyEUR": "€ ", "currencyUSD": "$ ", "currencyGBP": "£ "}

#: Unit ids that are written in a way of their own; any other becomes a suffix as it stands.
KNOWN = frozenset(
    {"", "none", "short"}
    | _PERCENT.keys()
    | _PER_BYTES.keys()
    | _SUFFIXES.keys()
    | _SECONDS.keys()
    | _PREFIXES.keys()
)


@dataclass(frozen=True)
class Scale:
    """How the values of one axis or cell are written: `prefix + value * factor + suffix`."""

    factor: float
    decimals: int
    prefix: str = ""
    suffix: str = ""

    def text(self, value: float) -> str:
        """One value; an em dash where there is none."""
        if math.isnan(value):
            return "—"
        if math.isinf(value):
            return "∞" if value > 0 else "-∞"
        return f"{self.prefix}{value * self.factor:,.{self.decimals}f}{self.suffix}"

    def brief(self, value: float) -> str:
        """A round value, without the zeros at its end."""
        written = f"{value * self.factor:,.{max(2, self.decimals)}f}".rstrip("0").rstrip(".")
        return f"{self.prefix}{'0' if written == '-0' else written}{self.suffix}"


def scale(unit: str, reference: float, decimals: int | None = None) -> Scale:
    """The scale at which `reference` has a readable number of digits.

    Args:
        unit: Grafana's id, such as `s`, `percentunit`, `reqps` or `bytes`.
        reference: the largest absolute value to be written.
        decimals: fixed places after the point; else three significant digits of the reference.
    """
    size = abs(reference) if math.isfinite(reference) else 0.0
    factor, prefix, suffix = _parts(unit, size)
    places = _places(size * factor) if decimals is None else decimals
    return Scale(factor, places, prefix, suffix)


def text(value: float | None, unit: str = "short", decimals: int | None = None) -> str:
    """One value with its unit, such as `12.3 ms`; an em dash for None and NaN."""
    if value is None or math.isnan(value):
        return "—"
    written = scale(unit, value, decimals)
    whole = decimals is None and (value * written.factor).is_integer()
    return (Scale(written.factor, 0, written.prefix, written.suffix) if whole else written).text(
        value
    )


def duration(seconds: float) -> str:
    """A length of time, such as `3.20 ms`."""
    return text(seconds, "s")


def _parts(unit: str, size: float) -> tuple[float, str, str]:
    """Factor, prefix and suffix at which a value of that size is readable."""
    if unit in _SECONDS:
        base = _SECONDS[unit]
        factor, suffix = _step(_TIME, size * base) if size else (1.0, " s")
        return factor * base, "", suffix
    if unit in _PERCENT:
        return _PERCENT[unit], "", " %"
    steps, per = (_BYTES, _PER_BYTES[unit]) if unit in _PER_BYTES else (_COUNT, _per(unit))
    factor, suffix = _step(steps, size)
    return factor, _PREFIXES.get(unit, ""), suffix + per


def _per(unit: str) -> str:
    """What is counted, and per what; a unit that is not known stands as it is."""
    plain = unit in _PREFIXES or unit in {"", "none", "short"}
    return "" if plain else _SUFFIXES.get(unit, f" {unit}")


def _step(steps: tuple[tuple[float, float, str], ...], size: float) -> tuple[float, str]:
    return next((factor, suffix) for limit, factor, suffix in steps if size < limit)


def _places(size: float) -> int:
    if size >= 100:
        return 0
    if size >= 10:
        return 1
    return 2 if size >= 0.1 or size == 0 else 3
