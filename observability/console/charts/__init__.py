"""Drawing: from a panel and its answers to what the page shows, one module a kind of panel."""

from observability.console.charts.drawing import View, draw

__all__ = ["View", "draw"]
