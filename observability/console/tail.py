"""A live tail of log lines: each look asks for what came since the one before."""

import time
from collections.abc import Mapping

from observability.console.charts.lines import listed
from observability.console.markup import Markup, element
from observability.query import Loki

EVERY_SECONDS = 2
SINCE = "since"
_FIRST = 100
_EACH = 200
_LOOK_BACK_SECONDS = 900
#: Lines arrive a moment after they were written: each look goes that far behind the last one. The
#: page leaves out those that it has.
_OVERLAP_SECONDS = 5


async def look(loki: Loki, query: str, asked: Mapping[str, str]) -> Markup:
    """Lines since the moment (milliseconds since 1970) that the page has looked last.

    Raises:
        BackendError: Loki does not answer.
    """
    now = time.time()
    since = asked.get(SINCE, "")
    first = not since.isdigit() or len(since) > 14
    start = now - _LOOK_BACK_SECONDS if first else int(since) / 1000 - _OVERLAP_SECONDS
    limit = _FIRST if first else _EACH
    lines = await loki.lines(query, max(start, now - _LOOK_BACK_SECONDS), now + 1, limit=limit)
    return element("div", listed(lines, "Lines"), data_looked=int(now * 1000))
