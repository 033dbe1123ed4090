"""The catalog service: `uvicorn services.catalog.app:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from observability import get_logger
from services.catalog.products import Products
from services.catalog.routes import Parts, router
from services.catalog.seed import seed
from services.catalog.settings import Settings
from services.kit.app import create_app
from services.kit.cache import open_shared
from services.kit.database import Database
from services.kit.periodic import periodic
from services.kit.settings import load

log = get_logger(__name__)


def make(settings: Settings) -> FastAPI:
    """The catalog service with these settings."""
    db = Database(settings.database, settings.service)
    shared = open_shared(settings.redis)
    parts = Parts(db, Products(db, settings, shared))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await db.migrate(apart=settings.migrate_apart)
        if added := await seed(db):
            log.info("catalog_seeded", products=added)
        async with periodic("expiring reservations", parts.sweep, settings.sweep_seconds):
            yield
        if shared:
            await shared.aclose()
        await db.close()

    app = create_app(
        settings.service,
        routers=[router],
        settings=settings,
        lifespan=lifespan,
        checks={"database": db.ping},
    )
    app.state.parts = parts
    return app


app = make(load(Settings))
