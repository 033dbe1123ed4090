"""Dashboards read back from their JSON: panels, variables filled as Grafana fills them, answers.

The console draws what is here, `belfry verify` checks that every panel has data.
"""

from observability.boards.answers import Answer, Backends, Span, ask
from observability.boards.fields import attributes, seconds
from observability.boards.model import Auto, Board, Panel, Target, Variable, load_all, load_board
from observability.boards.variables import ALL, AUTO, Values, asked_label, fill, resolve

__all__ = [
    "ALL",
    "AUTO",
    "Answer",
    "Auto",
    "Backends",
    "Board",
    "Panel",
    "Span",
    "Target",
    "Values",
    "Variable",
    "ask",
    "asked_label",
    "attributes",
    "fill",
    "load_all",
    "load_board",
    "resolve",
    "seconds",
]
