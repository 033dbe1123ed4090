"""A page and its parts: what takes a while is asked for by the page when it comes into view.

A part has the page's own address with its name added: it is an answer of its own, and nothing of a
page is kept between two requests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse

from observability.console.markup import Markup, element
from observability.query import BackendError

PARAMETER = "part"
Load = Callable[[], Awaitable[Markup]]


class Parts:
    """The parts of the page that a request asks for."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._asked = request.query_params.get(PARAMETER)
        self._loads: dict[str, Load] = {}
        self._early: list[str] = []

    @property
    def early(self) -> list[str]:
        """Addresses of parts that the reader sees first: the browser asks for them at once."""
        return self._early

    def lazy(self, name: str, load: Load, *, every: str = "", waiting: str = "Loading …") -> Markup:
        """Where a part will be.

        Args:
            name: what it is called in its address.
            load: what it shows; a `BackendError` of its becomes a sentence.
            every: seconds between two looks while it is in view; empty for one look.
            waiting: what it says until then.
        """
        self.put(name, load)
        return self.place(name, every=every, waiting=waiting)

    def put(self, name: str, load: Load) -> None:
        """Have a part, wherever its place will be."""
        self._loads[name] = load

    def place(
        self, name: str, *, every: str, waiting: str = "Loading …", early: bool = True
    ) -> Markup:
        """Where a part will be that is there already; `early`: the reader sees it first."""
        address = self._address(name)
        if early:
            self._early.append(address)
        return element(
            "belfry-lazy",
            element("p", waiting, class_="waiting"),
            src=address,
            every=every or None,
            aria_busy="true",
        )

    async def drawn(self, name: str, load: Load, *, every: str) -> Markup:
        """A part that is in the page from the first, and is looked at again while it is in view."""
        self.put(name, load)
        if self._asked is not None:
            return Markup()
        return element(
            "belfry-lazy", await load(), src=self._address(name), every=every or None, drawn=True
        )

    def tail(self, name: str, load: Load, *, every: int) -> Markup:
        """As `lazy`, but what is loaded again is put above what is there."""
        self.put(name, load)
        return element(
            "belfry-tail",
            element("p", "Waiting for lines …", class_="said", role="status"),
            element("div", class_="tail"),
            src=self._address(name),
            every=str(every),
        )

    async def answer(self, page: Callable[[], Awaitable[HTMLResponse]]) -> HTMLResponse:
        """The part that is asked for, or the page.

        Raises:
            HTTPException: 404, there is no such part.
        """
        if self._asked is None:
            return await page()
        load = self._loads.get(self._asked)
        if load is None:
            raise HTTPException(404, f"no part {self._asked}")
        try:
            return HTMLResponse(str(await load()))
        except BackendError as error:
            return HTMLResponse(str(down(error)))

    def _address(self, name: str) -> str:
        kept = [pair for pair in self._request.query_params.multi_items() if pair[0] != PARAMETER]
        return f"{self._request.url.path}?{urlencode([*kept, (PARAMETER, name)])}"


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
