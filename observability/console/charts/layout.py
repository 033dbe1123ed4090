"""Where the boxes of a graph go: callers left of whom they call, and arrows between them."""

from collections.abc import Sequence
from dataclasses import dataclass

Pair = tuple[str, str]
Point = tuple[float, float]
#: Columns of a graph without edges.
_ABREAST = 3


@dataclass(frozen=True)
class Place:
    """Column from the left and row from the top; rows may lie between two others."""

    column: int
    row: float


@dataclass(frozen=True)
class Box:
    """Size of a node."""

    width: float
    height: float


def place(nodes: Sequence[str], edges: Sequence[Pair]) -> dict[str, Place]:
    """A place for each node: as many columns from the left as calls from an outermost caller."""
    steps = _steps(nodes, [(a, b) for a, b in edges if a != b])
    if not edges:
        steps = {name: number % _ABREAST for number, name in enumerate(nodes)}
    columns: dict[int, list[str]] = {}
    for name in nodes:
        columns.setdefault(steps[name], []).append(name)
    tallest = max((len(names) for names in columns.values()), default=0)
    places: dict[str, Place] = {}
    for column, names in sorted(columns.items()):
        names.sort(key=lambda name: (_middle(name, edges, places), name))
        above = (tallest - len(names)) / 2
        for row, name in enumerate(names):
            places[name] = Place(column, above + row)
    return places


def arrow(start: Point, end: Point, box: Box, *, aside: bool = False) -> tuple[str, Point]:
    """Path of an arrow from one box to another, and where its words go.

    `aside` is the second of two arrows between the same boxes: it keeps clear of the first.
    """
    middle = box.height / 2
    if end[0] > start[0]:
        a, b = (start[0] + box.width, start[1] + middle), (end[0] - 3, end[1] + middle)
        bend = (b[0] - a[0]) / 2
        return _curve(a, (a[0] + bend, a[1]), (b[0] - bend, b[1]), b)
    if end[0] == start[0]:
        a = (start[0] + box.width, start[1] + middle + 10)
        b = (end[0] + box.width + 3, end[1] + middle - 10)
        bend = 20 + abs(b[1] - a[1]) / 2.2 + (34 if aside else 0)
        return _curve(a, (a[0] + bend, a[1]), (b[0] + bend, b[1]), b, 0.5)
    a, b = (start[0], start[1] + middle + 12), (end[0] + box.width + 3, end[1] + middle + 12)
    bend = (a[0] - b[0]) / 2
    return _curve(a, (a[0] - bend, a[1] + 24), (b[0] + bend, b[1] + 24), b)


def _steps(nodes: Sequence[str], edges: Sequence[Pair]) -> dict[str, int]:
    called = {b for _, b in edges}
    outermost = [name for name in nodes if name not in called] or list(nodes[:1])
    steps = dict.fromkeys(outermost, 0)
    waiting = list(outermost)
    while waiting:
        name = waiting.pop(0)
        for caller, callee in edges:
            if caller == name and callee not in steps:
                steps[callee] = steps[name] + 1
                waiting.append(callee)
    return {name: steps.get(name, 0) for name in nodes}


def _middle(name: str, edges: Sequence[Pair], places: dict[str, Place]) -> float:
    """Mean row of those who call it: keeps arrows short and uncrossed."""
    rows = [places[a].row for a, b in edges if b == name and a in places]
    return sum(rows) / len(rows) if rows else 0.0


def _curve(a: Point, b: Point, c: Point, d: Point, t: float = 0.62) -> tuple[str, Point]:
    path = (
        f"M{a[0]:.0f},{a[1]:.0f} C{b[0]:.0f},{b[1]:.0f} {c[0]:.0f},{c[1]:.0f} {d[0]:.0f},{d[1]:.0f}"
    )
    # Words stand nearer to the end, where arrows from one caller have parted already.
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    points = (a, b, c, d)
    x = sum(weight * point[0] for weight, point in zip(weights, points, strict=True))
    y = sum(weight * point[1] for weight, point in zip(weights, points, strict=True))
    return path, (x, y - 5)
