"""Which labels a PromQL expression expects of which metric."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from observability.proof.promql import Kind, Token, named, tokens

_MAKES_LABELS = frozenset({"label_replace", "label_join"})


@dataclass
class Expected:
    """Metrics of an expression with the labels that are expected of them.

    Attributes:
        matched: Metric to the labels that stand in its braces.
        grouped: Labels that any of the metrics must have: those of `by`, `on` and so on.
    """

    matched: dict[str, set[str]] = field(default_factory=dict)
    grouped: set[str] = field(default_factory=set)


def expected(expr: str) -> Expected:
    """What an expression expects to be there.

    Raises:
        PromqlError: It cannot be PromQL.
    """
    names, found = named(expr), list(tokens(expr))
    result = Expected({metric: set() for metric in names.metrics})
    for metric, label in _matchers(found, names.metrics):
        if metric:
            result.matched[metric].add(label)
        else:
            result.grouped.add(label)
    every = set().union(*result.matched.values()) if result.matched else set()
    made = _made(found)
    result.grouped = (names.labels - _absent(found) - every | result.grouped) - made
    return result


def _matchers(found: list[Token], metrics: set[str]) -> Iterator[tuple[str, str]]:
    """Each label in braces with the metric before them (none: the braces name it)."""
    metric, inside = "", False
    absent = _absent(found)
    for index, token in enumerate(found):
        if token.text == "{":
            before = found[index - 1].text if index else ""
            metric, inside = (before if before in metrics else ""), True
        elif token.text == "}":
            inside = False
        elif inside and token.kind is Kind.NAME and token.text not in absent | {"__name__"}:
            yield metric, token.text


def _absent(found: list[Token]) -> set[str]:
    """Labels that are asked not to be there: `{label=""}`."""
    triples = zip(found, found[1:], found[2:], strict=False)
    return {
        name.text
        for name, sign, value in triples
        if sign.text == "=" and value.text in {'""', "''"}
    }


def _made(found: list[Token]) -> set[str]:
    """Labels that the expression makes itself, by `label_replace` or `label_join`."""
    if not any(token.text in _MAKES_LABELS for token in found):
        return set()
    return {token.text[1:-1] for token in found if token.kind is Kind.STRING}
