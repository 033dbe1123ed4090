"""The dashboards of `dashboards/*.json`, drawn with live data."""

import asyncio
from functools import lru_cache, partial

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from markdown_it import MarkdownIt

from observability.boards import ALL, AUTO, Board, Panel, Span, Values, ask, resolve
from observability.console import addresses, timerange
from observability.console.charts import View, draw
from observability.console.charts.view import Mark
from observability.console.context import Context
from observability.console.frame import form, page, refresh_of, span_fields
from observability.console.marks import marks
from observability.console.markup import Markup, element, join, link, option
from observability.console.parts import Parts, down
from observability.console.timerange import TimeRange
from observability.query import BackendError

_MARKDOWN = MarkdownIt("commonmark", {"html": False})
_REFRESH = "10"
#: Of the grid, on a large screen.
_ROWS_IN_VIEW = 18


def register(pages: APIRouter, context: Context) -> None:
    """Add the pages."""

    @pages.get("/dashboards")
    async def overview(request: Request) -> Response:
        shown = timerange.parse(request.query_params.get("from"), request.query_params.get("to"))
        items = [
            element(
                "li",
                link(board.title, addresses.dashboard(board.uid, shown)),
                element("p", board.description),
            )
            for board in context.boards().values()
        ]
        return page("Dashboards", "/dashboards", element("ul", *items, class_="cards"))

    @pages.get("/dashboards/{uid}")
    async def one(request: Request, uid: str) -> Response:
        board = context.boards().get(uid)
        if board is None:
            raise HTTPException(404, f"no dashboard {uid}")
        return await _Showing(context, board, request).answer()


class _Showing:
    """A dashboard with what its address chooses."""

    def __init__(self, context: Context, board: Board, request: Request) -> None:
        query = request.query_params
        self.context = context
        self.board = board
        self.shown = timerange.parse(query.get("from"), query.get("to"), f"now-{board.span}")
        self.refresh = refresh_of(query.get("refresh", _REFRESH if self.shown.live else ""))
        self.chosen = addresses.chosen(query.multi_items())
        self.parts = Parts(request)

    async def answer(self) -> HTMLResponse:
        """The page, or one of its panels."""
        for panel in self.board.panels:
            self.parts.put(_name(panel), partial(self._drawn, panel))
        return await self.parts.answer(self._page)

    async def _page(self) -> HTMLResponse:
        drawn = [self._panel(panel) for panel in self.board.panels]
        content = element("div", *drawn, class_="board")
        values: dict[str, Values] = {}
        try:
            values = await self._values()
        except BackendError as error:
            content = down(error)
        toolbar = form(
            *(_variable(one) for one in values.values()),
            span_fields(self.shown, self.refresh),
            label="What to show",
        )
        others = _others(self.context, self.board, self.shown, values)
        return page(
            self.board.title,
            "/dashboards",
            content,
            toolbar=toolbar,
            above=others,
            early=self.parts.early,
        )

    async def _values(self) -> dict[str, Values]:
        """The same for all panels that are asked for together."""
        key = f"values {self.board.uid} {sorted(self.chosen.items())}"
        return await self.context.kept(
            key, lambda: resolve(self.board, self.chosen, self.context.prometheus)
        )

    def _panel(self, panel: Panel) -> Markup:
        place = f"--x:{panel.x + 1};--w:{panel.w};--y:{panel.y + 1};--h:{panel.h}"
        if panel.kind == "row":
            return element("div", element("h2", panel.title), class_="boardrow", style=place)
        return element(
            "section",
            _title(panel),
            self._content(panel),
            class_=f"panel {panel.kind}",
            style=place,
            aria_label=panel.title,
            data_panel=panel.id,
        )

    def _content(self, panel: Panel) -> Markup:
        if panel.kind == "text":
            return element("div", _rendered(panel.options.get("content", "")), class_="page")
        return self.parts.place(_name(panel), every=self.refresh, early=panel.y < _ROWS_IN_VIEW)

    async def _drawn(self, panel: Panel) -> Markup:
        span = self.shown.span()
        values = await self._values()
        happened, answers = await asyncio.gather(
            self._marks(panel, span), ask(panel, values, span, self.context.backends)
        )
        chosen = {name: one.chosen for name, one in values.items()}
        return draw(panel, answers, View(self.shown, span, happened, chosen))

    async def _marks(self, panel: Panel, span: Span) -> list[Mark]:
        return await marks(self.context, span) if panel.kind == "timeseries" else []


def _name(panel: Panel) -> str:
    return f"panel-{panel.id}"


@lru_cache(maxsize=512)
def _rendered(text: str) -> Markup:
    return Markup(_MARKDOWN.render(text))


def _title(panel: Panel) -> Markup:
    about = element(
        "details",
        element("summary", "i", aria_label=f"About {panel.title}", title="What is normal"),
        element("div", _rendered(panel.description), class_="about"),
    )
    parts = [element("h3", panel.title), about if panel.description else Markup()]
    return element("div", *parts, class_="paneltitle")


def _variable(values: Values) -> Markup:
    one = values.variable
    name = f"var-{one.name}"
    label = element("span", one.label, class_="name")
    if one.kind == "textbox":
        box = Markup('<input name="{}" value="{}">').format(name, values.chosen[0])
        return element("label", label, box)
    options = [(ALL, "All")] if one.include_all else []
    options += [(value, "Auto" if value == AUTO else value) for value in values.choices]
    options += [(v, v) for v in values.chosen if v not in dict(options)]
    several = len(values.chosen) > 1
    listed = [option(value, text, selected=value in values.chosen) for value, text in options]
    return element(
        "label",
        label,
        element("select", *listed, name=name, multiple=several, size="3" if several else None),
    )


def _others(context: Context, board: Board, shown: TimeRange, values: dict[str, Values]) -> Markup:
    """The way to the other dashboards, which keeps the time and what is chosen."""
    items = [
        link(
            other.title,
            addresses.dashboard(other.uid, shown, **_kept(other, values)),
            aria_current="page" if other.uid == board.uid else None,
        )
        for other in context.boards().values()
    ]
    return element(
        "details",
        element("summary", "Dashboards"),
        element("nav", join(items), aria_label="Dashboards"),
        class_="others",
    )


def _kept(other: Board, values: dict[str, Values]) -> dict[str, tuple[str, ...]]:
    """What is chosen of the variables that another dashboard has too."""
    known = {variable.name for variable in other.variables}
    return {name: one.chosen for name, one in values.items() if name in known}
