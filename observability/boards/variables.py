"""Variables of a dashboard: their choices, and queries with the chosen values in place.

Source: https://grafana.com/docs/grafana/latest/dashboards/variables/variable-syntax/. Multiple
values become a regular expression, as Grafana's Prometheus and Loki data sources make them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from observability.boards.model import Board, Variable
from observability.query import Prometheus

ALL = "$__all"
#: The interval that follows the time shown; Grafana also writes it with the variable's name.
AUTO = "$__auto"
_SAID_FOR_ALL = frozenset({ALL, "All"})
_LABEL_VALUES = re.compile(
    r"label_values\((?:(?P<selector>.+),\s*)?(?P<label>\w+)\s*\)$", re.DOTALL
)
_REFERENCE = re.compile(r"\$\{(?P<braced>\w+)(?::(?P<format>\w+))?\}|\$(?P<plain>\w+)")
_SPECIAL = re.compile(r"[\\^$*+?.()|[\]{}]")


@dataclass(frozen=True)
class Values:
    """What is chosen of a variable, and what could be."""

    variable: Variable
    chosen: tuple[str, ...]
    choices: tuple[str, ...]

    @property
    def all_chosen(self) -> bool:
        """Whether the choice is "All"."""
        return self.chosen == (ALL,)

    def text(self, kind: str, how: str | None, length: float = 0.0) -> str:
        """As it stands in a query of that kind of data source, formatted as asked for.

        `length` is that of the time shown, in seconds.
        """
        if self.variable.auto and self.chosen == (AUTO,):
            return self.variable.auto.text(length)
        if self.all_chosen and self.variable.all_value is not None:
            return self.variable.all_value
        values = self.choices if self.all_chosen else self.chosen
        if how == "raw" or (how is None and not _is_regex(self.variable, kind)):
            return ",".join(values)
        if how == "pipe":
            return "|".join(values)
        escaped = [_escaped(value) for value in values]
        return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


async def resolve(
    board: Board, given: Mapping[str, Sequence[str]], prometheus: Prometheus
) -> dict[str, Values]:
    """Choices of every variable, in their order, since one may depend on those before it.

    Args:
        board: whose variables.
        given: chosen values by variable name; what is not given has the dashboard's default, or
            the first choice.
        prometheus: answers `label_values`.
    """
    resolved: dict[str, Values] = {}
    for variable in board.variables:
        choices = await _choices(variable, resolved, prometheus)
        resolved[variable.name] = Values(
            variable, _chosen(variable, choices, given.get(variable.name)), choices
        )
    return resolved


def fill(
    text: str, values: Mapping[str, Values], kind: str, builtin: Mapping[str, str] | None = None
) -> str:
    """A query with its variables replaced; one that is unknown stays as it is.

    Args:
        text: the query.
        values: the dashboard's variables.
        kind: prometheus, loki or jaeger: how multiple values are written.
        builtin: further ones by name, such as `__interval`.
    """
    length = float((builtin or {}).get("__range_s", 0))

    def replaced(match: re.Match[str]) -> str:
        name = match["braced"] or match["plain"]
        if builtin and name in builtin:
            return builtin[name]
        if name in values:
            return values[name].text(kind, match["format"], length)
        return match.group()

    return _REFERENCE.sub(replaced, text)


def asked_label(variable: Variable) -> tuple[str, str] | None:
    """The label whose values are a variable's choices, and of which series (empty: of all).

    None if its choices come from elsewhere.
    """
    found = _LABEL_VALUES.match(variable.query) if variable.kind == "query" else None
    return (found["label"], found["selector"] or "") if found else None


async def _choices(
    variable: Variable, before: Mapping[str, Values], prometheus: Prometheus
) -> tuple[str, ...]:
    if variable.kind in {"interval", "custom"}:
        listed = tuple(one.strip() for one in variable.query.split(","))
        return (AUTO, *listed) if variable.auto else listed
    if variable.kind != "query":
        return variable.default
    asked = asked_label(variable)
    if asked is None:
        return ()
    label, selector = asked
    filled = fill(selector, before, "prometheus") if selector else None
    return tuple(await prometheus.label_values(label, filled))


def _chosen(
    variable: Variable, choices: tuple[str, ...], given: Sequence[str] | None
) -> tuple[str, ...]:
    typed = variable.kind == "textbox"
    named = [value for value in given or () if typed or value not in _SAID_FOR_ALL]
    if variable.include_all and len(named) < len(given or ()):
        return (ALL,)
    if variable.auto and next(iter(named or variable.default), AUTO).startswith(AUTO):
        return (AUTO,)
    if named:
        return tuple(named) if variable.multi else (named[0],)
    if variable.default and (variable.default != ("",) or variable.kind == "textbox"):
        return variable.default
    if variable.include_all:
        return (ALL,)
    return choices[:1]


def _is_regex(variable: Variable, kind: str) -> bool:
    """Variables with several values are written for `=~`."""
    return (variable.multi or variable.include_all) and kind in {"prometheus", "loki"}


def _escaped(value: str) -> str:
    """For a regular expression within a quoted string: each backslash doubled."""
    return _SPECIAL.sub(lambda match: "\\\\" + match.group(), value)
