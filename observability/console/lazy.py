"""Parts of a page that are loaded when they come into view, and again while they are in view."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from observability.console.charts import Drawing
from observability.console.markup import Markup, element
from observability.query import BackendError

Load = Callable[[], Awaitable[Drawing]]


class Lazy(ui.element):
    """Asks for its drawing when it is seen; while a backend is down it says so and keeps trying.

    Args:
        load: what to show; a `BackendError` of its becomes a sentence.
        every: seconds between two looks while it is in view; empty for one look.
        waiting: what it says until then.
    """

    def __init__(self, load: Load, *, every: str = "", waiting: str = "Loading …") -> None:
        super().__init__("belfry-lazy")
        self._load = load
        self._chart: ui.echart | None = None
        self._busy = False
        self._props["every"] = every
        self._props["aria-busy"] = "true"
        with self:
            self._top = ui.element("div").classes("drawn")
            self._below = ui.html(
                str(element("p", waiting, class_="waiting")), sanitize=False
            ).classes("below")
        self.on("seen", self._seen, args=[])

    async def _seen(self) -> None:
        if self._busy:
            return
        self._busy = True
        try:
            self._show(await self._load())
        except BackendError as error:
            self._show(Drawing(html=down(error)))
        finally:
            self._busy = False

    def _show(self, drawing: Drawing) -> None:
        if self.is_deleted:
            return
        self._below.set_content(str(drawing.html))
        self._props["aria-busy"] = "false"
        if drawing.chart is None:
            self._top.clear()
            self._chart = None
            return
        if self._chart is None:
            with self._top:
                self._chart = ui.echart(drawing.chart).classes("chart")
            self._chart.props["role"] = "img"
            # A dot of a trace leads to the trace.
            self._chart.on("componentClick", js_handler="e => belfry.open(e)")
        else:
            self._chart.options.clear()
            self._chart.options.update(drawing.chart)
            self._chart.update()
        self._chart.props["aria-label"] = drawing.label


def down(error: BackendError) -> Markup:
    """That a backend does not answer, and what helps."""
    return element(
        "p",
        element("strong", f"{error.backend} does not answer. "),
        f"{error.reason}. ",
        "See belfry status; this part fills itself again once it is back and you refresh.",
        class_="down",
        role="alert",
    )


def still(content: Markup) -> ui.html:
    """HTML that is there at once."""
    return ui.html(str(content), sanitize=False)
