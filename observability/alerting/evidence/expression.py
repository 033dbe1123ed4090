"""What a rule measures and against which limit, read off its PromQL or LogQL."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)"""
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])"
    r"|(?P<set>\b(?:and|or|unless)\b)"
    r"|(?P<compare>==|!=|>=|<=|>|<)(?:\s*bool\b)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Measured:
    """A figure's expression; its limit, if that is a number."""

    expression: str
    limit: float | None


def measured(rule: str) -> Measured:
    """The first figure that a rule compares: `a / b > 0.05 and c > 5` measures `a / b`.

    An expression without a comparison measures itself.
    """
    text = _unwrapped(rule.strip())
    operator = _first(text, "set")
    if operator is not None:
        return measured(text[: operator.start()])
    comparison = _first(text, "compare")
    if comparison is None:
        return Measured(text, None)
    left, right = text[: comparison.start()].strip(), text[comparison.end() :].strip()
    if _number(left) is not None:  # written the other way around: `0.05 < a / b`
        left, right = right, left
    return Measured(_unwrapped(left), _number(_unwrapped(right)))


def _first(text: str, kind: str) -> re.Match[str] | None:
    """The first operator of a kind that is in no bracket and no text."""
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += bool(token["open"]) - bool(token["close"])
        if depth == 0 and token[kind]:
            return token
    return None


def _unwrapped(text: str) -> str:
    """Without brackets around the whole."""
    while text.startswith("(") and _closing(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closing(text: str) -> int:
    """Where the bracket that opens the text is closed."""
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += bool(token["open"]) - bool(token["close"])
        if depth == 0 and token["close"]:
            return token.start()
    return -1


def _number(text: str) -> float | None:
    """A number, or a product of numbers as burn rates are written: `14.4 * 0.01`."""
    product = 1.0
    for factor in _unwrapped(text).split("*"):
        try:
            product *= float(_unwrapped(factor.strip()))
        except ValueError:
            return None
    return product
