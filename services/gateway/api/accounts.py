"""Accounts and sessions."""

from fastapi import Response

from services.gateway.api.common import api_router, passed_on
from services.gateway.models import Account, Credentials, NewAccount, PasswordChange, Session
from services.gateway.shop import TheShop
from services.kit.auth import CurrentUser

router = api_router("accounts")


@router.post("/accounts", status_code=201, response_model=Account)
async def sign_up(account: NewAccount, shop: TheShop) -> Response:
    """Make an account."""
    return passed_on(await shop.account.post("/accounts", json=account.model_dump()))


@router.post("/sessions", status_code=201, response_model=Session)
async def sign_in(credentials: Credentials, shop: TheShop) -> Response:
    """Sign in: the token of the answer is for all that needs one."""
    return passed_on(await shop.account.post("/sessions", json=credentials.model_dump()))


@router.get("/accounts/me", response_model=Account)
async def me(user: CurrentUser, shop: TheShop) -> Response:
    """Who the token speaks of."""
    return passed_on(await shop.account.get("/accounts/me", token=user.token))


@router.put("/accounts/me/password", status_code=204)
async def change_password(change: PasswordChange, user: CurrentUser, shop: TheShop) -> Response:
    """Set a new password."""
    path = "/accounts/me/password"
    return passed_on(await shop.account.put(path, json=change.model_dump(), token=user.token))
