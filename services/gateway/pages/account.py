"""Signing up, in and out."""

from typing import Annotated

from fastapi import Query, Request, Response

from services.gateway.models import Credentials, NewAccount, Session
from services.gateway.pages.common import page_router
from services.gateway.pages.forms import Filled, filled, read, text
from services.gateway.pages.rendering import local_path, page, see
from services.gateway.sessions import CurrentVisitor, OwnForm, forget, remember
from services.gateway.shop import Shop, TheShop, parsed
from services.kit.problems import Problem

router = page_router()
Next = Annotated[str, Query(max_length=300)]


@router.get("/sign-in")
async def sign_in_form(
    request: Request, back: Annotated[Next, Query(alias="next")] = "/"
) -> Response:
    """Show the form to sign in."""
    return page(request, "sign_in.html", form=Filled(), next=local_path(back))


@router.post("/sign-in")
async def sign_in(request: Request, shop: TheShop, fields: OwnForm) -> Response:
    """Sign in."""
    form, back = filled(fields), local_path(text(fields, "next"))
    credentials = read(Credentials, dict(fields), form)
    if credentials is None:
        return page(request, "sign_in.html", status=422, form=form, next=back)
    try:
        session = await _open_session(shop, credentials)
    except Problem as problem:
        form.refused(problem)
        return page(request, "sign_in.html", status=problem.status, form=form, next=back)
    response = see(back, "welcome")
    remember(request, response, session)
    return response


async def _open_session(shop: Shop, credentials: Credentials) -> Session:
    response = await shop.account.post("/sessions", json=credentials.model_dump())
    return parsed(Session, response.content, "account")


@router.get("/sign-up")
async def sign_up_form(
    request: Request, back: Annotated[Next, Query(alias="next")] = "/"
) -> Response:
    """Show the form to sign up."""
    return page(request, "sign_up.html", form=Filled(), next=local_path(back))


@router.post("/sign-up")
async def sign_up(request: Request, shop: TheShop, fields: OwnForm) -> Response:
    """Make an account and sign in with it."""
    form, back = filled(fields), local_path(text(fields, "next"))
    account = read(NewAccount, dict(fields), form)
    if account is None:
        return page(request, "sign_up.html", status=422, form=form, next=back)
    try:
        await shop.account.post("/accounts", json=account.model_dump())
        credentials = Credentials(email=account.email, password=account.password)
        session = await _open_session(shop, credentials)
    except Problem as problem:
        form.refused(problem)
        return page(request, "sign_up.html", status=problem.status, form=form, next=back)
    response = see(back, "welcome")
    remember(request, response, session)
    return response


@router.get("/sign-out")
async def sign_out_form(request: Request, visitor: CurrentVisitor) -> Response:
    """Ask before signing out: following a link must change nothing."""
    return page(request, "sign_out.html", visitor=visitor) if visitor.user else see("/")


@router.post("/sign-out")
async def sign_out(request: Request, _fields: OwnForm) -> Response:
    """Sign out."""
    response = see("/", "signed_out")
    forget(request, response)
    return response
