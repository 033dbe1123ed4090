"""Signing up, in and out, and one's own account."""

from typing import Annotated

from fastapi import Query, Request, Response

from services.gateway.models import Credentials, NewAccount, PasswordChange, Session
from services.gateway.pages.common import cart_count, missing, page_router
from services.gateway.pages.forms import Filled, filled, read, text
from services.gateway.pages.rendering import local_path, page, see
from services.gateway.parallel import attempt
from services.gateway.sessions import (
    CurrentVisitor,
    OwnForm,
    SignedIn,
    Visitor,
    forget,
    own_form,
    remember,
)
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
    response = await shop.account.post("/sessions", json=credentials.model_dump(), idempotent=True)
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
async def sign_out(request: Request, visitor: CurrentVisitor, shop: TheShop) -> Response:
    """Sign out. Whoever is not signed in any more gets what they want as well."""
    if visitor.user is not None:
        await own_form(request, visitor)
        await attempt(shop.sessions.end(visitor.user))
    response = see("/", "signed_out")
    forget(request, response)
    return response


@router.get("/account")
async def account(
    request: Request, visitor: CurrentVisitor, _user: SignedIn, shop: TheShop
) -> Response:
    """Show one's own account."""
    return await _show(request, visitor, shop, Filled())


@router.post("/account")
async def change_password(
    *,
    request: Request,
    visitor: CurrentVisitor,
    user: SignedIn,
    shop: TheShop,
    fields: OwnForm,
) -> Response:
    """Set a new password, which ends all other sessions."""
    form = filled(fields)
    change = read(PasswordChange, dict(fields), form)
    if change is None:
        return await _show(request, visitor, shop, form, status=422)
    try:
        await shop.change_password(user.token, change)
    except Problem as problem:
        return await _show(request, visitor, shop, form.refused(problem), status=problem.status)
    return see("/account", "password_changed")


async def _show(
    request: Request, visitor: Visitor, shop: Shop, form: Filled, *, status: int = 200
) -> Response:
    count = await cart_count(shop, visitor)
    return page(
        request,
        "account.html",
        status=status,
        cart_count=count.value,
        unavailable=missing(cart=count),
        form=form,
    )
