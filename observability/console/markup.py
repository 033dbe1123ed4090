"""Small pieces of HTML. Whatever is put into them is escaped, unless it is `Markup` already."""

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup, escape

__all__ = [
    "Markup",
    "attributes",
    "element",
    "escape",
    "join",
    "link",
    "option",
    "table",
    "time_at",
]


def element(tag: str, *content: object, **given: object) -> Markup:
    """An element; `class_` and `for_` stand for the words that Python keeps for itself."""
    inner = "".join([escape(one) for one in content])
    # every part is escaped by now; a page has thousands of elements, and `format` is slow
    return Markup(f"<{tag}{attributes(given)}>{inner}</{tag}>")  # noqa: S704


def attributes(given: Mapping[str, object]) -> Markup:
    """Attributes of an element; True is one without a value, None and False leave it out."""
    written = ""
    for name, value in given.items():
        if value is None or value is False:
            continue
        key = name.rstrip("_").replace("_", "-")
        written += f" {key}" if value is True else f' {key}="{escape(value)}"'
    return Markup(written)  # noqa: S704 - names are our own, values escaped


def link(text: object, to: str, **given: object) -> Markup:
    """A link."""
    return element("a", text, href=to, **given)


def join(parts: Iterable[object], between: str = "") -> Markup:
    """Pieces one after the other."""
    return escape(between).join(escape(part) for part in parts)


def option(value: str, text: str, *, selected: bool) -> Markup:
    """A choice of a select."""
    return element("option", text, value=value, selected=selected)


def table(
    headings: Sequence[object], rows: Iterable[Sequence[object]], caption: str, **given: object
) -> Markup:
    """A table that can be scrolled sideways; the caption is for screen readers."""
    head = element("tr", *(element("th", one, scope="col") for one in headings))
    body = join(element("tr", *(element("td", cell) for cell in row)) for row in rows)
    return element(
        "div",
        element(
            "table",
            element("caption", caption, class_="unseen"),
            element("thead", head),
            element("tbody", body),
            **given,
        ),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=caption,
    )


def time_at(text: str, iso: str) -> Markup:
    """A moment that machines can read too."""
    return element("time", text, datetime=iso)
