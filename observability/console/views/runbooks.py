"""The runbooks that alerts link to."""

import asyncio
import re
from pathlib import Path

from fastapi import APIRouter, HTTPException, Response
from markdown_it import MarkdownIt

from observability.console.context import Context
from observability.console.frame import page
from observability.console.markup import Markup, element, link

_FOLDER = Path(__file__).parents[3] / "docs" / "runbooks"
_NAME = re.compile(r"[A-Za-z]+\.md$")
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def register(pages: APIRouter, _context: Context) -> None:
    """Add the page."""

    @pages.get("/docs/runbooks/{file}")
    async def runbook(file: str) -> Response:
        if not _NAME.match(file):
            raise HTTPException(404, "a runbook is called as its alert")
        try:
            text = await asyncio.to_thread((_FOLDER / file).read_text, encoding="utf-8")
        except FileNotFoundError:
            raise HTTPException(404, f"no runbook {file}") from None
        above = link("← Alerts", "/alerts", class_="back")
        # the page's own heading says what it is about
        body = text.partition("\n")[2] if text.startswith("# ") else text
        content = element("article", Markup(_MARKDOWN.render(body)), class_="page")
        return page(f"Runbook: {file.removesuffix('.md')}", "/alerts", content, above=above)
