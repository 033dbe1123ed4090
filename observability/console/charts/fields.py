"""Names, units, colours and limits of values, as a dashboard's field configuration has them."""

import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from observability.boards import Panel

Json = dict[str, Any]
_REFERENCE = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
#: Colours that are told apart on light and on dark ground.
PALETTE = (
    "#3b82d6",
    "#d97706",
    "#16a06a",
    "#c2459b",
    "#8b6cd9",
    "#0e9fb5",
    "#b8860b",
    "#e0565b",
    "#6b8e23",
    "#7a8aa0",
)
_NAMED = {
    "green": "#2f9e5b",
    "orange": "#d97706",
    "red": "#d64545",
    "dark-red": "#a8201a",
    "yellow": "#b58b00",
    "blue": "#3b82d6",
    "light-blue": "#6fb1f2",
    "dark-blue": "#1f5fae",
    "purple": "#8b6cd9",
    "text": "#8a8279",
}


def series_name(legend: str, labels: Mapping[str, str], fallback: str) -> str:
    """The name of a series by its legend's template, or made from its labels."""
    if legend:
        return _REFERENCE.sub(lambda found: labels.get(found[1], ""), legend).strip() or fallback
    plain = {key: value for key, value in labels.items() if key != "__name__"}
    if not plain:
        return labels.get("__name__", fallback)
    if len(plain) == 1:
        return next(iter(plain.values()))
    return ", ".join(f"{key}={value}" for key, value in sorted(plain.items()))


def colour(name: str) -> str:
    """A colour of Grafana by its name; one in another notation stays as it is."""
    return _NAMED.get(name, name if name.startswith(("#", "rgb")) else _NAMED["text"])


def colours(panel: Panel, names: Iterable[str]) -> dict[str, str]:
    """A colour for each series: the dashboard's own, else always the same for the same name."""
    every = set(names)
    own = {name: overrides(panel, name).get("color", {}).get("fixedColor") for name in every}
    fixed = {name: colour(shade) for name, shade in own.items() if shade}
    return palette(every - fixed.keys()) | fixed


def palette(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name, the same on every page as far as there are enough."""
    found: dict[str, str] = {}
    taken: set[int] = set()
    for name in sorted(set(names)):
        at = zlib.crc32(name.encode()) % len(PALETTE)
        while at in taken and len(taken) < len(PALETTE):
            at = (at + 1) % len(PALETTE)
        taken.add(at)
        found[name] = PALETTE[at]
    return found


def overrides(panel: Panel, name: str) -> Json:
    """Properties that the dashboard sets for the field or series of this name."""
    found: Json = {}
    for one in panel.raw.get("fieldConfig", {}).get("overrides", []):
        matcher = one.get("matcher", {})
        if _matches(matcher, name):
            found.update({prop["id"]: prop["value"] for prop in one.get("properties", [])})
    return found


def settings(panel: Panel, name: str) -> Json:
    """Defaults of the panel with what is set for this field over them."""
    return panel.defaults | overrides(panel, name)


def limit_colour(field: Json, value: float) -> str | None:
    """The colour of the highest limit that the value reaches; None if there is but one step."""
    steps = field.get("thresholds", {}).get("steps", [])
    if len(steps) < 2:
        return None
    reached = [one for one in steps if one.get("value") is None or value >= one["value"]]
    return colour(reached[-1]["color"]) if reached else None


def mapped(field: Json, value: float) -> tuple[str, str | None] | None:
    """The word and the colour that stand for a value, if the dashboard names one."""
    for mapping in field.get("mappings", []):
        if mapping.get("type") == "value":
            word = mapping["options"].get(f"{value:g}")
            if word:
                return word.get("text", ""), colour(word["color"]) if "color" in word else None
    return None


def _matches(matcher: Json, name: str) -> bool:
    options = matcher.get("options", "")
    if matcher.get("id") == "byName":
        return bool(options == name)
    if matcher.get("id") == "byRegexp":
        return re.search(options.removeprefix("/").removesuffix("/"), name) is not None
    return False
