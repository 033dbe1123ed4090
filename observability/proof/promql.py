"""Which metrics and labels a PromQL expression names, without evaluating it.

A tokenizer and a walk over its tokens: enough to tell a metric from a function, a label or a
keyword, also in expressions with dashboard variables such as `$interval`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a token is."""

    SPACE = "space"
    STRING = "string"
    VARIABLE = "variable"
    NUMBER = "number"
    NAME = "name"
    OPERATOR = "operator"


_PATTERNS = {
    Kind.SPACE: r"\s+|\#[^\n]*",
    Kind.STRING: r'"(?:[^"\\]|\\.)*"|' + r"'(?:[^'\\]|\\.)*'|`[^`]*`",
    Kind.VARIABLE: r"\$\{\w+(?::\w+)?\}|\$\w+",
    # a duration is a number with units: 90, 1.5e3, 5m, 1h30m
    Kind.NUMBER: r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:(?:ms|[smhdwy])\d*)*",
    Kind.NAME: r"[a-zA-Z_:][\w:]*",
    Kind.OPERATOR: r"=~|!~|!=|==|>=|<=|[-+*/%^=<>(){}\[\],@]",
}
_TOKEN = re.compile("|".join(f"(?P<{kind}>{text})" for kind, text in _PATTERNS.items()))
_GROUPING = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan", "start", "end"})


class PromqlError(ValueError):
    """The text cannot be PromQL."""


@dataclass(frozen=True)
class Token:
    """One word, figure or sign, and where it begins."""

    kind: Kind
    text: str
    position: int


@dataclass
class Named:
    """What an expression names."""

    metrics: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)


def tokens(expr: str) -> Iterator[Token]:
    """The tokens of `expr`, without white space and comments.

    Raises:
        PromqlError: A character cannot begin any token; says where.
    """
    position = 0
    while position < len(expr):
        match = _TOKEN.match(expr, position)
        if match is None:
            raise PromqlError(f"unexpected {expr[position]!r} at {position} in {expr!r}")
        kind = Kind(match.lastgroup or "")
        if kind is not Kind.SPACE:
            yield Token(kind, match.group(), position)
        position = match.end()


def named(expr: str) -> Named:
    """The metrics and labels that `expr` names.

    Raises:
        PromqlError: `expr` cannot be PromQL.
    """
    return _Walk(list(tokens(expr))).run()


class _Walk:
    """One pass over the tokens of an expression."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._result = Named()

    def run(self) -> Named:
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            self._at += 1
            if token.kind is Kind.NAME:
                self._name(token.text)
            elif token.text == "{":
                self._matchers()
        return self._result

    def _name(self, name: str) -> None:
        following = self._peek()
        if name.lower() in _GROUPING:
            if following == "(":
                self._at += 1
                self._grouping()
        elif following not in ("(", "by", "without") and name.lower() not in _WORDS:
            self._result.metrics.add(name)

    def _grouping(self) -> None:
        """The labels of `by (a, b)`."""
        while (token := self._next()).text != ")":
            if token.kind is Kind.NAME:
                self._result.labels.add(token.text)

    def _matchers(self) -> None:
        """The labels of `{a="b"}`; `{"a.metric"}` and `__name__="a"` are metrics."""
        while (token := self._next()).text != "}":
            if token.kind is Kind.NAME:
                operator, value = self._next().text, self._next()
                if token.text == "__name__" and operator == "=":
                    self._result.metrics.add(value.text[1:-1])
                else:
                    self._result.labels.add(token.text)
            elif token.kind is Kind.STRING:
                self._result.metrics.add(token.text[1:-1])

    def _peek(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) else ""

    def _next(self) -> Token:
        if self._at == len(self._tokens):
            raise PromqlError("the expression ends within a list of labels")
        self._at += 1
        return self._tokens[self._at - 1]
