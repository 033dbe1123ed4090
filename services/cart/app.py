"""The cart service: `uvicorn services.cart.app:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.cart.routes import router
from services.cart.settings import Settings
from services.kit.app import create_app
from services.kit.database import Database
from services.kit.settings import load


def make(settings: Settings) -> FastAPI:
    """The cart service with these settings."""
    db = Database(settings.database, settings.service)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await db.migrate(apart=settings.migrate_apart)
        yield
        await db.close()

    app = create_app(
        settings.service,
        routers=[router],
        settings=settings,
        lifespan=lifespan,
        checks={"database": db.ping},
    )
    app.state.db = db
    return app


app = make(load(Settings))
