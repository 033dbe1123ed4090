"""Which stream labels and which fields a LogQL expression names, without evaluating it."""

import re
from dataclasses import dataclass, field

from observability.proof.promql import Kind, Token

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |(?P<string>"(?:[^"\\]|\\.)*"|`[^`]*`)
    |(?P<variable>\$\{\w+(?::\w+)?\}|\$\w+)
    |(?P<number>\d[\w.]*)
    |(?P<name>[a-zA-Z_][\w]*)
    |(?P<operator>\|=|\|~|\|>|!>|=~|!~|!=|==|>=|<=|[-+*/%^=<>(){}\[\],|])""",
    re.VERBOSE,
)
_GROUPING = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
#: What a pipeline may do to lines: no field is named by these words themselves.
_STAGES = frozenset(
    {"json", "logfmt", "regexp", "pattern", "unpack", "line_format", "decolorize", "drop", "keep"}
)
_COMPARISONS = frozenset({"=", "!=", "=~", "!~", "==", ">", ">=", "<", "<="})
_TEMPLATE_FIELD = re.compile(r"\{\{[^}]*?\.(\w+)")


class LogqlError(ValueError):
    """The text cannot be LogQL."""


@dataclass
class Fields:
    """What an expression names: labels of streams, and fields looked at in a pipeline."""

    labels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    #: made by the expression itself
    made: set[str] = field(default_factory=set)


def named(expr: str) -> Fields:
    """The stream labels and fields that `expr` names.

    Raises:
        LogqlError: `expr` cannot be LogQL.
    """
    found, tokens = Fields(), _tokens(expr)
    within_selector = False
    for index, token in enumerate(tokens):
        after = tokens[index + 1].text if index + 1 < len(tokens) else ""
        before = tokens[index - 1].text if index else ""
        if token.text in "{}":
            within_selector = token.text == "{"
        elif token.kind is Kind.STRING and before == "line_format":
            found.fields.update(_TEMPLATE_FIELD.findall(token.text))
        elif token.kind is Kind.NAME:
            _name(token.text, after, before, found, within_selector=within_selector)
    _groupings(tokens, found)
    found.fields -= found.made | found.labels
    return found


def _name(name: str, after: str, before: str, found: Fields, *, within_selector: bool) -> None:
    if within_selector:
        found.labels.add(name)
    elif before == "label_format":
        found.made.add(name)
    elif before == "unwrap" or (after in _COMPARISONS and name not in _STAGES):
        found.fields.add(name)


def _groupings(tokens: list[Token], found: Fields) -> None:
    for index, token in enumerate(tokens):
        if token.text not in _GROUPING:
            continue
        for following in tokens[index + 2 :]:
            if following.text == ")":
                break
            if following.kind is Kind.NAME:
                found.fields.add(following.text)


def _tokens(expr: str) -> list[Token]:
    found, position = [], 0
    while position < len(expr):
        match = _TOKEN.match(expr, position)
        if match is None:
            raise LogqlError(f"unexpected {expr[position]!r} at {position} in {expr!r}")
        kind = Kind(match.lastgroup or "")
        if kind is not Kind.SPACE:
            found.append(Token(kind, match.group(), position))
        position = match.end()
    return found
