"""A figure over time, small: as SVG for a page or a mail, as characters for a terminal."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from html import escape

from observability.alerting.evidence.model import Figure
from observability.alerting.evidence.units import human

_WIDTH, _HEIGHT, _TOP, _BOTTOM = 480, 96, 14, 14
_BARS = "▁▂▃▄▅▆▇█"
_COLUMNS = 40

Points = list[tuple[float, float]]


def svg(figure: Figure) -> str:
    """A line with its limit, its ends in time and its highest value; empty without points."""
    points = _drawable(figure.points)
    if len(points) < 2:
        return ""
    low, high = _reach(points, figure.limit)
    start, end = points[0][0], points[-1][0]

    def x(at: float) -> float:
        return (at - start) / (end - start or 1) * _WIDTH

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low or 1) * (_HEIGHT - _TOP - _BOTTOM)

    line = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in points)
    limit = _limit_line(y(figure.limit)) if figure.limit is not None else ""
    said = escape(f"{figure.text} now" + (f", limit {figure.limit_text}" if limit else ""))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{said}">'
        f'{limit}<polyline points="{line}" fill="none" stroke="#c0392b" stroke-width="1.5"/>'
        f'<g font-family="sans-serif" font-size="10" fill="#667">'
        f'<text x="0" y="10">{escape(human(max(value for _, value in points), figure.unit))}</text>'
        f'<text x="0" y="{_HEIGHT - 2}">{_clock(start)}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 2}" text-anchor="end">{_clock(end)} UTC</text>'
        "</g></svg>"
    )


def sparkline(figure: Figure) -> str:
    """At most 40 characters, the highest bar the highest value; empty without points."""
    points = _drawable(figure.points)
    if len(points) < 2:
        return ""
    low, high = _reach(points, None)
    size = max(1, math.ceil(len(points) / _COLUMNS))
    peaks = [max(v for _, v in points[i : i + size]) for i in range(0, len(points), size)]
    scale = (len(_BARS) - 1) / (high - low or 1)
    return "".join(_BARS[round((value - low) * scale)] for value in peaks)


def _drawable(points: Points) -> Points:
    return [(at, value) for at, value in points if math.isfinite(value)]


def _reach(points: Points, limit: float | None) -> tuple[float, float]:
    """From the lowest (0 at most) to the highest value to draw."""
    values = [value for _, value in points] + ([] if limit is None else [limit])
    return min(0.0, *values), max(values)


def _limit_line(y: float) -> str:
    return (
        f'<line x1="0" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#889"'
        ' stroke-dasharray="4 3"/>'
    )


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"
