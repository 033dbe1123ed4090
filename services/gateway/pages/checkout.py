"""Checking out: where to, how, to whom, and the card."""

import uuid
from typing import Annotated

from fastapi import Query, Request, Response

from services.gateway.models import NewOrder, Order, Quote
from services.gateway.pages.cart import Contents, contents_of
from services.gateway.pages.common import missing, page_router
from services.gateway.pages.forms import Filled, filled, read, text
from services.gateway.pages.rendering import page, see
from services.gateway.pages.wording import COUNTRIES
from services.gateway.parallel import Maybe, attempt
from services.gateway.sessions import OwnForm, SignedIn
from services.gateway.shop import Shop, TheShop, parsed
from services.kit.auth import User
from services.kit.problems import Problem

HOME = "NL"
router = page_router()


def new_key() -> str:
    """Return a key under which one order is placed once, however often its form is sent."""
    return uuid.uuid4().hex


@router.get("/checkout")
async def checkout_form(
    request: Request,
    user: SignedIn,
    shop: TheShop,
    country: Annotated[str, Query(max_length=2)] = HOME,
) -> Response:
    """Show what is ordered, the ways of shipping to a country, and the form."""
    form = Filled(values={"name": user.name, "country": country})
    return await _show(request, shop, user, form, key=new_key())


@router.post("/checkout")
async def place_order(request: Request, user: SignedIn, shop: TheShop, fields: OwnForm) -> Response:
    """Place the order; the form's key makes sure that it is placed only once."""
    form, key = filled(fields), text(fields, "idempotency_key") or new_key()
    order = read(NewOrder, _order_values(dict(fields)), form)
    if order is None:
        return await _show(request, shop, user, form, key=key, status=422)
    try:
        response = await shop.checkout.post(
            "/orders",
            json=order.model_dump(exclude_none=True),
            token=user.token,
            idempotency_key=key,
        )
    except Problem as problem:
        if notice := _notice_of_order(problem):
            return see(f"/orders/{problem.extra['order_id']}", notice)
        # After a refusal the next try is another order. If it is unknown what happened (5xx),
        # the same key finds out or places the order, but never twice.
        key = new_key() if problem.status < 500 else key
        form.refused(problem)
        return await _show(request, shop, user, form, key=key, status=problem.status)
    placed = parsed(Order, response.content, "checkout")
    return see(f"/orders/{placed.id}", "placed")


def _notice_of_order(problem: Problem) -> str | None:
    """What to say on the page of the order that there is in spite of the problem, if there is."""
    if "order_id" not in problem.extra:
        return None
    if problem.status >= 500:
        return "in_progress"
    return "sent_before" if problem.status == 422 else None


def _order_values(fields: dict[str, object]) -> dict[str, object]:
    address = {name: fields.get(name) or "" for name in ("name", "street", "city", "postal_code")}
    return {
        "address": {**address, "country": fields.get("country")},
        "shipping_method": fields.get("shipping_method"),
        "payment": {"card_number": str(fields.get("card_number", "")).strip()},
        # What was shown: if a price has changed since, the order is refused and shown anew.
        "expected_total_cents": fields.get(f"total_{fields.get('shipping_method')}"),
    }


async def _show(  # noqa: PLR0913 - who, what, and how it went
    request: Request, shop: Shop, user: User, form: Filled, *, key: str, status: int = 200
) -> Response:
    contents = await contents_of(shop, user.token)
    country = form.values.get("country", HOME)
    quotes = await _quotes(shop, contents, country, form)
    return page(
        request,
        "checkout.html",
        status=503 if contents.lines is None else status,
        cart_count=contents.count,
        unavailable=[*contents.unavailable, *missing(shipping=quotes)],
        lines=contents.lines,
        subtotal_cents=contents.subtotal_cents,
        countries=COUNTRIES.items(),
        country=country,
        quotes=quotes.value,
        form=form,
        idempotency_key=key,
    )


async def _quotes(shop: Shop, contents: Contents, country: str, form: Filled) -> Maybe[list[Quote]]:
    if not contents.count:
        return Maybe(None)
    try:
        found = await attempt(shop.quotes(country, contents.count))
    except Problem as problem:  # this country cannot be served
        form.refused(problem)
        return Maybe(None)
    return Maybe(found.value.quotes if found.value else None, found.problem)
