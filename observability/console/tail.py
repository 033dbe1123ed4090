"""A live tail of log lines: what is new is put on top, what is open stays open."""

import time

from nicegui import ui

from observability.console.charts.lines import listed
from observability.console.lazy import down
from observability.console.markup import element
from observability.query import BackendError, LogLine, Loki

_EVERY_SECONDS = 2
_FIRST = 100
_EACH = 200
_MOST_BATCHES = 40
_LOOK_BACK_SECONDS = 900
#: Lines arrive a moment after they were written: each look goes that far behind the last one.
_OVERLAP_SECONDS = 5


class Tail(ui.element):
    """Asks for new lines while it is in view."""

    def __init__(self, loki: Loki, query: str) -> None:
        super().__init__("belfry-lazy")
        self._loki = loki
        self._query = query
        self._seen: dict[tuple[int, str], None] = {}
        self._since = time.time() - _LOOK_BACK_SECONDS
        self._batches: list[ui.html] = []
        self._busy = False
        self._props["every"] = str(_EVERY_SECONDS)
        with self:
            self._said = ui.html("<p>Waiting for lines …</p>", sanitize=False)
            self._list = ui.element("div").classes("tail")
        self.on("seen", self._look, args=[])

    async def _look(self) -> None:
        if self._busy:
            return
        self._busy = True
        now = time.time()
        try:
            limit = _EACH if self._seen else _FIRST
            lines = await self._loki.lines(self._query, self._since, now + 1, limit=limit)
        except BackendError as error:
            self._said.set_content(str(down(error)))
        else:
            self._show(lines, now)
        finally:
            self._busy = False

    def _show(self, lines: list[LogLine], now: float) -> None:
        if self.is_deleted:
            return
        new = [line for line in lines if _key(line) not in self._seen]
        self._since = now - _OVERLAP_SECONDS
        recent = (now - 2 * _OVERLAP_SECONDS) * 1e9
        kept = [key for key in self._seen if key[0] > recent]
        self._seen = dict.fromkeys([*kept, *(_key(line) for line in lines)])
        said = "following" if new or self._batches else "no line yet; following"
        self._said.set_content(str(element("p", said, class_="said")))
        if new:
            self._put(new)

    def _put(self, new: list[LogLine]) -> None:
        with self._list:
            batch = ui.html(str(listed(new, "New lines")), sanitize=False)
        batch.move(target_index=0)
        self._batches.append(batch)
        if len(self._batches) > _MOST_BATCHES:
            self._batches.pop(0).delete()


def _key(line: LogLine) -> tuple[int, str]:
    return line.at, line.fields.get("span_id", "") + line.line
