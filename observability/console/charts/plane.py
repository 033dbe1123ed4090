"""A plane of time and values: axes with round numbers, lines, areas and bars as SVG.

The drawing is stretched to whatever room there is. Texts, dots and marks stand above it as HTML, at
shares of its width and height, so that they keep their form.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from observability.boards import Span
from observability.console.markup import Markup, element
from observability.console.units import Scale

Points = Sequence[tuple[float, float]]
"""(unix seconds, value) in order; NaN where there is none."""

_WIDTH, _HEIGHT = 1000.0, 100.0
_VALUE_TICKS = 4
_TIME_TICKS = 6
_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_TIME_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    *(_DAY * n for n in (1, 2, 7)),
)


@dataclass(frozen=True)
class Plane:
    """From when to when and from which value to which; `step` from one round value to the next."""

    span: Span
    low: float
    high: float
    step: float

    def across(self, at: float) -> float:
        """Share of the width from the left, of a moment."""
        return (at - self.span.start) / ((self.span.end - self.span.start) or 1.0)

    def down(self, value: float) -> float:
        """Share of the height from the top, of a value."""
        return (self.high - value) / ((self.high - self.low) or 1.0)

    def holds(self, at: float) -> bool:
        """Whether a moment lies in it."""
        return self.span.start <= at <= self.span.end


@dataclass(frozen=True)
class Course:
    """A series in the plane: where it runs, what it stands on, its colour.

    `number` tells it from the others, for the legend.
    """

    points: Points
    floor: Points
    colour: str
    number: int


def plane(span: Span, low: float, high: float, scale: Scale, *, least_step: float = 0.0) -> Plane:
    """One that holds these values and ends at round ones.

    Args:
        span: from when to when.
        low: the lowest value.
        high: the highest value.
        scale: in which they are written, and are round.
        least_step: from one round value to the next, as written.
    """
    bottom, top = min(0.0, low), high if high > min(0.0, low) else min(0.0, low) + 1.0
    written = _rounded((top - bottom) * scale.factor / _VALUE_TICKS)
    step = max(written, least_step) / scale.factor
    return Plane(span, math.floor(bottom / step) * step, math.ceil(top / step - 1e-9) * step, step)


def frame(found: Plane, scale: Scale, inside: Markup, label: str, **given: object) -> Markup:
    """The plane with its axes around what is drawn in it; `label` says in words what it shows."""
    values = [element("span", scale.brief(value)) for value in _values(found)]
    return element(
        "div",
        element("div", *values, class_="values"),
        element("div", inside, class_="plot"),
        element("div", *_moments(found), class_="moments"),
        class_="chart",
        role="img",
        aria_label=label,
        **given,
    )


def drawing(*shapes: Markup) -> Markup:
    """The part that is stretched."""
    return element(
        "svg",
        *shapes,
        viewBox=f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def grid(found: Plane) -> Markup:
    """A line at each round value."""
    path = "".join(f"M0,{_y(found, value)}H{_WIDTH:.0f}" for value in _values(found))
    return element("path", d=path, class_="grid")


def level(found: Plane, value: float, colour: str) -> Markup:
    """A limit, if it lies in the plane."""
    if not found.low <= value <= found.high:
        return Markup()
    path = f"M0,{_y(found, value)}H{_WIDTH:.0f}"
    return element("path", d=path, class_="limit", style=f"--shade:{colour}")


def line(found: Plane, course: Course, gap: float) -> Markup:
    """A line; it breaks where two points are more than `gap` seconds apart or there is no value."""
    path = "".join(
        f"M{_path(found, stretch)}" + ("h.01" if len(stretch) == 1 else "")
        for stretch in stretches(course.points, gap)
    )
    return _shape(course, path, "line")


def area(found: Plane, course: Course, gap: float, opacity: float) -> Markup:
    """What lies between a line and its floor."""
    under = dict(course.floor)
    path = ""
    for stretch in stretches(course.points, gap):
        back = [(at, under.get(at, 0.0)) for at, _ in reversed(stretch)]
        path += f"M{_path(found, stretch)}L{_path(found, back)}Z"
    return _shape(course, path, "area", opacity)


def bars(found: Plane, course: Course, width: float) -> Markup:
    """A bar of so many seconds around each point."""
    under = dict(course.floor)
    path = ""
    for at, value in course.points:
        floor = under.get(at, 0.0)
        if value > floor:
            left, right = _x(found, at - 0.4 * width), _x(found, at + 0.4 * width)
            path += f"M{left},{_y(found, floor)}V{_y(found, value)}H{right}V{_y(found, floor)}Z"
    return _shape(course, path, "area", 1.0)


def stretches(points: Points, gap: float) -> list[list[tuple[float, float]]]:
    """The points without a hole between them."""
    found: list[list[tuple[float, float]]] = []
    before = -math.inf
    for at, value in points:
        if not math.isfinite(value):
            before = -math.inf
            continue
        if at - before > gap:
            found.append([])
        found[-1].append((at, value))
        before = at
    return found


def _values(found: Plane) -> list[float]:
    count = round((found.high - found.low) / found.step)
    return [found.low + number * found.step for number in range(count + 1)]


def _moments(found: Plane) -> list[Markup]:
    length = found.span.end - found.span.start
    step = next((one for one in _TIME_STEPS if length / one <= _TIME_TICKS), _TIME_STEPS[-1])
    pattern = "%H:%M:%S" if step < _MINUTE else "%H:%M" if length <= _DAY else "%m-%d %H:%M"
    first = math.ceil(found.span.start / step) * step
    return [
        element(
            "span",
            datetime.fromtimestamp(at, UTC).strftime(pattern),
            style=f"left:{found.across(at):.1%}",
        )
        for at in range(first, math.floor(found.span.end) + 1, step)
    ]


def _rounded(size: float) -> float:
    """The round number at or above a size: 1, 2, 2.5 or 5 of some power of ten."""
    power: float = 10.0 ** math.floor(math.log10(size))
    return next(one for one in _ROUND if one * power >= size * (1 - 1e-9)) * power


def _shape(course: Course, path: str, kind: str, opacity: float | None = None) -> Markup:
    look = f"--shade:{course.colour}" + ("" if opacity is None else f";opacity:{opacity:.2f}")
    return element("path", d=path, class_=kind, style=look, data_series=course.number)


def _path(found: Plane, points: Points) -> str:
    return "L".join(f"{_x(found, at)},{_y(found, value)}" for at, value in points)


def _x(found: Plane, at: float) -> str:
    return f"{_WIDTH * min(1.0, max(0.0, found.across(at))):.4g}"


def _y(found: Plane, value: float) -> str:
    return f"{_HEIGHT * min(1.0, max(0.0, found.down(value))):.4g}"
