"""The account service: `uvicorn services.account.app:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import SecretStr, ValidationError

from observability import get_logger
from services.account.routes import Parts, SignUp, create, router
from services.account.settings import Settings
from services.kit.app import create_app
from services.kit.database import Database
from services.kit.settings import load, refuse

log = get_logger(__name__)


def make(settings: Settings) -> FastAPI:
    """The account service with these settings."""
    db = Database(settings.database, settings.service)
    admin = _admin(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await db.migrate(apart=settings.migrate_apart)
        if admin and await create(app.state.parts, admin, role="admin"):
            log.info("admin_created")
        yield
        await db.close()

    app = create_app(
        settings.service,
        routers=[router],
        settings=settings,
        lifespan=lifespan,
        checks={"database": db.ping},
    )
    app.state.parts = Parts(db, app.state.token_key, settings)
    return app


def _admin(settings: Settings) -> SignUp | None:
    """The admin that the settings ask for; an account with that address stays as it is."""
    if not settings.admin_email:
        return None
    if not settings.admin_password:
        refuse(settings.service, "SHOP_ADMIN_EMAIL: needs SHOP_ADMIN_PASSWORD or its _FILE")
    password: SecretStr = settings.admin_password
    try:
        return SignUp(
            email=settings.admin_email, name="Admin", password=password.get_secret_value()
        )
    except ValidationError:
        refuse(settings.service, "SHOP_ADMIN_EMAIL: not an e-mail address")


app = make(load(Settings))
