"""The gateway as an app: `uvicorn services.gateway.app:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from services.gateway import api, pages
from services.gateway.identity import RequestIdentity
from services.gateway.pages import failures
from services.gateway.sessions import Forms
from services.gateway.settings import GatewaySettings
from services.gateway.shop import Shop
from services.kit.app import create_app
from services.kit.redis_cache import RedisCache
from services.kit.settings import load

STATIC = Path(__file__).with_name("static")


def build(settings: GatewaySettings) -> FastAPI:
    """Make the app.

    Args:
        settings: Where the other services are, and how answers are cached.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        shared = RedisCache(settings.redis) if settings.redis else None
        app.state.shop = Shop(settings, shared)
        try:
            yield
        finally:
            await app.state.shop.aclose()
            if shared:
                await shared.aclose()

    made = create_app(
        "gateway",
        routers=[*api.ROUTERS, *pages.ROUTERS],
        settings=settings,
        lifespan=lifespan,
    )
    made.state.forms = Forms(made.state.token_key)
    made.mount("/static", StaticFiles(directory=STATIC), name="static")
    made.add_middleware(RequestIdentity)
    failures.install(made)
    return made


app = build(load(GatewaySettings))
