"""The worker: `uvicorn services.worker.app:app`; run as many as there is work for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.kit.app import create_app
from services.kit.client import ServiceClient
from services.kit.database import Database
from services.kit.faults import Faults
from services.kit.outbox import clean_inbox
from services.kit.periodic import periodic
from services.kit.queue import SHOP, Attachment, Consumer, open_queue
from services.kit.settings import load
from services.worker import analytics, notification, shipping
from services.worker.faulty import faulty
from services.worker.model import Inbox
from services.worker.settings import Settings

CLEAN_SECONDS = 300.0
"""How often the messages seen long ago are forgotten."""


def make(settings: Settings) -> FastAPI:
    """The worker with these settings."""
    db = Database(settings.database, settings.service)
    queue = open_queue(settings.queue)
    parcels = ServiceClient.to("shipping", settings)
    tasks = {
        shipping.QUEUE: shipping.ShipPaidOrders(parcels).handle,
        notification.QUEUE: notification.NotifyCustomers(db, settings.notification_seconds).handle,
        analytics.QUEUE: analytics.CountEvents(db).handle,
    }

    async def clean() -> bool:
        await clean_inbox(db, Inbox)
        return False

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await db.migrate(apart=settings.migrate_apart)
        faults: Faults = app.state.faults
        consumers = [
            Consumer(name, faulty(handler, faults), settings.prefetch)
            for name, handler in tasks.items()
        ]
        attachment = app.state.attachment = Attachment(
            queue, SHOP, consumers, stalled=lambda: faults.enabled("stall")
        )
        attachment.start()
        async with periodic("inbox_cleaning", clean, CLEAN_SECONDS):
            yield
        await attachment.stop()
        await queue.close()
        await parcels.aclose()
        await db.close()

    async def check_queue() -> None:
        attachment: Attachment = app.state.attachment
        await attachment.check()

    app = create_app(
        settings.service,
        routers=[],
        settings=settings,
        lifespan=lifespan,
        checks={"database": db.ping, "queue": check_queue},
    )
    return app


app = make(load(Settings))
