"""The checkout service: `uvicorn services.checkout.app:app`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.checkout.basket import Baskets
from services.checkout.checkout import Checkout
from services.checkout.events import QUEUE, ShipmentEvents
from services.checkout.model import Inbox, Outbox
from services.checkout.orders import Orders
from services.checkout.payment import Payments
from services.checkout.progress import Progress
from services.checkout.recovery import Recovery
from services.checkout.routes import Parts, router
from services.checkout.saga import Saga
from services.checkout.settings import Settings
from services.checkout.upstream import Upstream
from services.kit.app import create_app
from services.kit.client import ServiceClient
from services.kit.database import Database
from services.kit.outbox import Relay
from services.kit.periodic import periodic
from services.kit.queue import SHOP, Attachment, Consumer, open_queue
from services.kit.settings import load

COUNT_SECONDS = 2.0
"""How often the unfinished orders are counted."""


def make(settings: Settings) -> FastAPI:
    """The checkout service with these settings."""
    db = Database(settings.database, settings.service)
    queue = open_queue(settings.queue)
    relay = Relay(db, queue, Outbox, Inbox)
    catalog, cart, shipping = (
        ServiceClient.to(name, settings) for name in ("catalog", "cart", "shipping")
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await db.migrate(apart=settings.migrate_apart)
        payments = Payments(db, lambda: app.state.faults.happens("payment_decline_rate"))
        upstream = Upstream(catalog, cart, shipping, settings.reservation_ttl_seconds)
        orders, progress = Orders(db, settings.lease_seconds), Progress(db, settings.lease_seconds)
        saga = Saga(progress, payments, upstream, relay, app.state.token_key)
        baskets = Baskets(cart, catalog, shipping)
        checkout = Checkout(orders, progress, baskets, saga, settings.answer_seconds)
        app.state.parts = Parts(orders, checkout)
        consumer = Consumer(QUEUE, ShipmentEvents(db, saga).handle, settings.prefetch)
        attachment = app.state.attachment = Attachment(queue, SHOP, [consumer])
        attachment.start()
        relay.start()
        recovery = Recovery(progress, saga, settings.parcel_seconds)
        async with (
            periodic("order recovery", recovery.resume_abandoned, settings.recovery_seconds),
            periodic("order count", recovery.count_unfinished, COUNT_SECONDS),
        ):
            yield
        await attachment.stop()
        await relay.stop()
        await queue.close()
        await asyncio.gather(*(client.aclose() for client in (catalog, cart, shipping)))
        await db.close()

    async def check_queue() -> None:
        attachment: Attachment = app.state.attachment
        await attachment.check()

    app = create_app(
        settings.service,
        routers=[router],
        settings=settings,
        lifespan=lifespan,
        checks={"database": db.ping},
        can_wait={"queue": check_queue},  # the outbox keeps the events
    )
    return app


app = make(load(Settings))
