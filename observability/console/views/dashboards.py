"""The dashboards of `dashboards/*.json`, drawn with live data."""

from fastapi import HTTPException, Request
from markdown_it import MarkdownIt
from nicegui import ui

from observability.boards import Board, Panel, Values, ask, resolve
from observability.console import addresses, timerange
from observability.console.charts import Drawing, View, draw
from observability.console.context import Context
from observability.console.frame import form, frame, refresh_of, span_fields
from observability.console.lazy import Lazy, down, still
from observability.console.marks import marks
from observability.console.markup import Markup, element, join, link, option
from observability.console.timerange import TimeRange
from observability.query import BackendError

_MARKDOWN = MarkdownIt("commonmark", {"html": False})
_ALL = "$__all"
_REFRESH = "10"


def register(context: Context) -> None:
    """Add the pages."""

    @ui.page("/dashboards")
    def overview(request: Request) -> None:
        shown = timerange.parse(request.query_params.get("from"), request.query_params.get("to"))
        with frame("Dashboards", "/dashboards"):
            items = [
                element(
                    "li",
                    link(board.title, addresses.dashboard(board.uid, shown)),
                    element("p", board.description),
                )
                for board in context.boards().values()
            ]
            still(element("ul", *items, class_="cards"))

    @ui.page("/dashboards/{uid}")
    async def one(request: Request, uid: str) -> None:
        board = context.boards().get(uid)
        if board is None:
            raise HTTPException(404, f"no dashboard {uid}")
        await _page(context, board, request)


async def _page(context: Context, board: Board, request: Request) -> None:
    query = request.query_params
    shown = timerange.parse(query.get("from"), query.get("to"), f"now-{board.span}")
    refresh = refresh_of(query.get("refresh", _REFRESH if shown.live else ""))
    chosen = addresses.chosen(query.multi_items())
    problem: Markup | None = None
    try:
        values = await resolve(board, chosen, context.prometheus)
    except BackendError as error:
        values, problem = {}, down(error)
    toolbar = form(
        *(_variable(one) for one in values.values()),
        span_fields(shown, refresh),
        label="What to show",
    )
    with frame(board.title, "/dashboards", toolbar=toolbar, above=_others(context, board, shown)):
        if problem:
            still(problem)
            return
        with ui.element("div").classes("board"):
            for panel in board.panels:
                _panel(context, panel, values, shown, refresh)


def _panel(
    context: Context, panel: Panel, values: dict[str, Values], shown: TimeRange, refresh: str
) -> None:
    place = f"--x:{panel.x + 1};--w:{panel.w};--y:{panel.y + 1};--h:{panel.h}"
    if panel.kind == "row":
        with ui.element("div").classes("boardrow").style(place):
            still(element("h2", panel.title))
        return
    section = ui.element("section").classes(f"panel {panel.kind}").style(place)
    section.props["aria-label"] = panel.title
    section.props["data-panel"] = str(panel.id)
    with section:
        still(_title(panel)).classes("paneltitle")
        if panel.kind == "text":
            still(Markup(_MARKDOWN.render(panel.options.get("content", "")))).classes("page")
            return

        async def load() -> Drawing:
            span = shown.span()
            happened = await marks(context, span) if panel.kind == "timeseries" else []
            answers = await ask(panel, values, span, context.backends)
            return draw(panel, answers, View(shown, span, happened))

        Lazy(load, every=refresh)


def _title(panel: Panel) -> Markup:
    about = element(
        "details",
        element("summary", "i", aria_label=f"About {panel.title}", title="What is normal"),
        element("div", Markup(_MARKDOWN.render(panel.description)), class_="about"),
    )
    return element("h3", panel.title) + (about if panel.description else Markup())


def _variable(values: Values) -> Markup:
    one = values.variable
    name = f"var-{one.name}"
    label = element("span", one.label, class_="name")
    if one.kind == "textbox":
        box = Markup('<input name="{}" value="{}">').format(name, values.chosen[0])
        return element("label", label, box)
    options = [(_ALL, "All")] if one.include_all else []
    options += [(value, value) for value in values.choices]
    options += [(v, v) for v in values.chosen if v not in dict(options)]
    several = len(values.chosen) > 1
    listed = [option(value, text, selected=value in values.chosen) for value, text in options]
    return element(
        "label",
        label,
        element("select", *listed, name=name, multiple=several, size="3" if several else None),
    )


def _others(context: Context, board: Board, shown: TimeRange) -> Markup:
    """The way to the other dashboards, which keeps the time."""
    items = [
        link(
            other.title,
            addresses.dashboard(other.uid, shown),
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
