"""The shipping service: `uvicorn services.shipping.app:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.kit.app import create_app
from services.kit.database import Database
from services.kit.outbox import Relay
from services.kit.periodic import periodic
from services.kit.queue import SHOP, Attachment, open_queue
from services.kit.settings import load
from services.shipping.model import Outbox
from services.shipping.routes import router
from services.shipping.settings import Settings
from services.shipping.shipments import Shipments


def make(settings: Settings) -> FastAPI:
    """The shipping service with these settings."""
    db = Database(settings.database, settings.service)
    queue = open_queue(settings.queue)
    relay = Relay(db, queue, Outbox)
    attachment = Attachment(queue, SHOP)
    shipments = Shipments(db, relay, settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await db.migrate(apart=settings.migrate_apart)
        attachment.start()
        relay.start()
        async with periodic("moving shipments", shipments.advance, settings.tick_seconds):
            yield
        await attachment.stop()
        await relay.stop()
        await queue.close()
        await db.close()

    app = create_app(
        settings.service,
        routers=[router],
        settings=settings,
        lifespan=lifespan,
        checks={"database": db.ping},
        can_wait={"queue": attachment.check},  # the outbox keeps the events
    )
    app.state.shipments = shipments
    return app


app = make(load(Settings))
