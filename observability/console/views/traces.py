"""Search for traces; every search has an address."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from observability.console import timerange
from observability.console.charts.tables import traces_table
from observability.console.context import Context, or_none
from observability.console.frame import field, form, page, select, span_fields
from observability.console.markup import Markup, element
from observability.console.parts import Parts
from observability.console.timerange import TimeRange
from observability.console.tracesearch import Wanted, find, wanted


def register(pages: APIRouter, context: Context) -> None:
    """Add the page."""

    @pages.get("/traces")
    async def traces(request: Request) -> Response:
        query = request.query_params
        shown = timerange.parse(query.get("from"), query.get("to"), "now-1h")
        asked = wanted(query)
        parts = Parts(request)
        found = parts.lazy("found", lambda: _found(context, asked, shown), waiting="Searching …")

        async def whole() -> HTMLResponse:
            toolbar = await _form(context, asked, shown)
            return page("Traces", "/traces", found, toolbar=toolbar, early=parts.early)

        return await parts.answer(whole)


async def _form(context: Context, asked: Wanted, shown: TimeRange) -> Markup:
    services = await context.kept("services", lambda: or_none(context.jaeger.services()))
    operations = await or_none(context.jaeger.operations(asked.service)) if asked.service else None
    named = {"": "any"} | {name: name for name in services or []}
    checked = Markup(" checked") if asked.errors else Markup("")
    return form(
        select("service", "Service", named, asked.service),
        select("operation", "Operation", _operations(operations), asked.operation),
        field("shortest", "At least", asked.shortest, placeholder="250ms", size="6"),
        field("longest", "At most", asked.longest, placeholder="2s", size="6"),
        field("order", "Order or trace id", asked.order, size="18"),
        field("tags", "Attributes", asked.tags, placeholder="http.route=/orders", size="18"),
        element(
            "label",
            Markup('<input type="checkbox" name="errors" value="1"{}>').format(checked),
            " errors only",
            class_="check",
        ),
        span_fields(shown),
        label="Search for traces",
        button="Search",
    )


def _operations(names: list[str] | None) -> dict[str, str]:
    return {"": "any"} | {name: name for name in names or []}


async def _found(context: Context, asked: Wanted, shown: TimeRange) -> Markup:
    found = await find(context, asked, shown)
    if not found.traces:
        said = f"No trace matches in the {shown.words}. {found.how}"
        return element("p", said, class_="empty")
    said = element(
        "p", f"{len(found.traces)} traces, newest first. {found.how}", role="status", class_="said"
    )
    return said + traces_table(found.traces, "Traces found")
