"""What all charts have in common; keys that begin with a colon are evaluated in the browser."""

import json
from typing import Any

from observability.boards import Span
from observability.console.units import Scale

Json = dict[str, Any]
FONT = "system-ui, sans-serif"


def formatter(scale: Scale) -> str:
    """Source of a function that writes a value as `scale` does."""
    arguments = (scale.factor, scale.decimals, scale.prefix, scale.suffix)
    return f"v => belfry.number(v, {', '.join(json.dumps(one) for one in arguments)})"


def base() -> Json:
    """Options of every chart: no animation, colours of the page, times in UTC."""
    return {
        "animation": False,
        "useUTC": True,
        "backgroundColor": "transparent",
        "textStyle": {"fontFamily": FONT, ":color": "belfry.colour('--dim')"},
        "grid": {"left": 8, "right": 14, "top": 12, "bottom": 4, "containLabel": True},
    }


def time_axis(span: Span) -> Json:
    """The axis of time, as long as what is shown."""
    return {
        "type": "time",
        "min": int(span.start * 1000),
        "max": int(span.end * 1000),
        "splitLine": {"show": False},
        "axisLine": {"lineStyle": {":color": "belfry.colour('--line')"}},
        "axisTick": {"show": False},
        "axisLabel": {"hideOverlap": True, ":color": "belfry.colour('--dim')", "fontSize": 11},
        "splitNumber": 4,
    }


def value_axis(scale: Scale) -> Json:
    """The axis of values."""
    return {
        "type": "value",
        "axisLabel": {
            ":formatter": formatter(scale),
            ":color": "belfry.colour('--dim')",
            "fontSize": 11,
        },
        "splitLine": {"lineStyle": {":color": "belfry.colour('--line')"}},
        "splitNumber": 4,
    }


def tooltip(trigger: str) -> Json:
    """The box beside the pointer."""
    return {
        "trigger": trigger,
        "confine": True,
        "order": "valueDesc",
        ":backgroundColor": "belfry.colour('--card')",
        ":borderColor": "belfry.colour('--line')",
        "textStyle": {":color": "belfry.colour('--ink')", "fontSize": 12},
    }
