"""Accounts and sessions."""

from fastapi import Response

from services.gateway.api.common import ApiUser, api_router, passed_on
from services.gateway.models import Account, Credentials, NewAccount, PasswordChange, Session
from services.gateway.shop import TheShop

router = api_router("accounts")


@router.post("/accounts", status_code=201, response_model=Account)
async def sign_up(account: NewAccount, shop: TheShop) -> Response:
    """Make an account."""
    return passed_on(await shop.account.post("/accounts", json=account.model_dump()))


@router.post("/sessions", status_code=201, response_model=Session)
async def sign_in(credentials: Credentials, shop: TheShop) -> Response:
    """Sign in: the token of the answer is for all that needs one."""
    response = await shop.account.post("/sessions", json=credentials.model_dump(), idempotent=True)
    return passed_on(response)


@router.delete("/sessions/current", status_code=204)
async def sign_out(user: ApiUser, shop: TheShop) -> None:
    """End the session: its token is no longer accepted."""
    await shop.sessions.end(user)


@router.get("/accounts/me", response_model=Account)
async def me(user: ApiUser, shop: TheShop) -> Response:
    """Who the token speaks of."""
    return passed_on(await shop.account.get("/accounts/me", token=user.token))


@router.put("/accounts/me/password", status_code=204)
async def change_password(change: PasswordChange, user: ApiUser, shop: TheShop) -> Response:
    """Set a new password; all other sessions of the account are ended."""
    return passed_on(await shop.change_password(user.token, change))
