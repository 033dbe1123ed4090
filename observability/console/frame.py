"""What all pages have around their content: header, ways to the views, heading, toolbar.

All of it is there as the page is sent: a part that takes a while comes later (`parts`).
"""

from collections.abc import Sequence

from fastapi.responses import HTMLResponse

from observability.console.markup import Markup, element, join, link, option
from observability.console.timerange import OFFERED, TimeRange

VIEWS = {
    "/": "Overview",
    "/dashboards": "Dashboards",
    "/traces": "Traces",
    "/logs": "Logs",
    "/alerts": "Alerts",
    "/controls": "Controls",
}
_HEAD = Markup(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{} · Belfry</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/static/belfry.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/console.css">
<script src="/static/console.js"></script>{}</head><body>
"""
)
_EARLY = Markup('<link rel="preload" as="fetch" crossorigin="anonymous" href="{}">')
REFRESHES = {"": "off", "5": "5 s", "10": "10 s", "30": "30 s", "60": "1 min"}


def page(  # noqa: PLR0913 - each a piece of the page
    title: str,
    here: str,
    *content: object,
    toolbar: Markup | None = None,
    above: Markup | None = None,
    early: Sequence[str] = (),
    status: int = 200,
) -> HTMLResponse:
    """A whole page.

    Args:
        title: the heading.
        here: path of the view in the header that it belongs to.
        content: what stands below the heading.
        toolbar: a form beside the heading.
        above: what stands above the heading, such as the way back.
        early: addresses of parts to ask for before anything else is done with the page.
        status: of the answer.
    """
    body = element("main", _heading(title, toolbar, above), *content, id="content", tabindex="-1")
    asked = join(_EARLY.format(address) for address in early)
    html = _HEAD.format(title, asked) + _header(here) + body + Markup("</body></html>")
    return HTMLResponse(str(html), status)


def span_fields(shown: TimeRange, refresh: str | None = None) -> Markup:
    """Fields of a form that choose the time, and how often to look again."""
    offered = [(one, one.removeprefix("now-")) for one in OFFERED]
    if not shown.live or shown.start not in OFFERED:
        offered.append((shown.start, shown.words))
    length = element(
        "label",
        element("span", "Last", class_="name"),
        element(
            "select",
            *(option(value, text, selected=value == shown.start) for value, text in offered),
            name="from",
        ),
    )
    end = "" if shown.live else hidden("to", shown.end)
    if refresh is None:
        return join([length, end])
    again = element(
        "label",
        element("span", "Refresh", class_="name"),
        element(
            "select",
            *(option(value, text, selected=value == refresh) for value, text in REFRESHES.items()),
            name="refresh",
        ),
    )
    return join([length, end, again])


def hidden(name: str, value: str) -> Markup:
    """A field that is not shown."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(name, value)


def field(name: str, label: str, value: str, **given: str) -> Markup:
    """A text field with its label."""
    more = join(Markup(' {}="{}"').format(key, one) for key, one in given.items())
    box = Markup('<input name="{}" value="{}"{}>').format(name, value, more)
    return element("label", element("span", label, class_="name"), box)


def select(name: str, label: str, options: dict[str, str], chosen: str) -> Markup:
    """A choice with its label; the options' texts by their values."""
    listed = options if chosen in options else options | {chosen: chosen}
    return element(
        "label",
        element("span", label, class_="name"),
        element(
            "select",
            *(option(value, text, selected=value == chosen) for value, text in listed.items()),
            name=name,
        ),
    )


def form(*fields: object, label: str, button: str = "Show", id_: str | None = None) -> Markup:
    """A form whose fields become the address: what it shows can be shared."""
    return element(
        "form",
        *fields,
        element("button", button, type="submit"),
        method="get",
        class_="toolbar",
        role="search",
        aria_label=label,
        id=id_,
    )


def refresh_of(query: str | None) -> str:
    """Seconds between two looks as the address has them; empty for never."""
    return query if query in REFRESHES else ""


def _header(here: str) -> Markup:
    ways = [
        link(name, path, aria_current="page" if path == here else None)
        for path, name in VIEWS.items()
    ]
    mark = Markup('<img src="/static/belfry.svg" alt="" width="26" height="26">')
    return element("a", "Skip to the content", href="#content", class_="skip") + element(
        "header",
        element("a", mark, " Belfry", href="/", class_="name"),
        element("nav", *ways, aria_label="Views"),
        element(
            "button",
            "◐",
            type="button",
            id="scheme",
            aria_label="Light or dark",
            title="Light or dark",
        ),
    )


def _heading(title: str, toolbar: Markup | None, above: Markup | None) -> Markup:
    return element(
        "div",
        above or "",
        element("h1", title),
        toolbar or "",
        class_="heading",
    )
