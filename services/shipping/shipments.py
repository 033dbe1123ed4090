"""Parcels: made once for an order, moved on by time, each change an event."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from observability import capture_context, continued, counter, get_logger, span
from services.kit.database import Database, utc_now
from services.kit.outbox import Relay, record
from services.shipping import carrier
from services.shipping.model import Outbox, Shipment, ShipmentEvent, Status
from services.shipping.settings import Settings

BATCH = 100
EVENTS = {
    Status.LABEL_CREATED: "shipment.created",
    Status.IN_TRANSIT: "shipment.in_transit",
    Status.DELIVERED: "shipment.delivered",
    Status.FAILED: "shipment.failed",
}
SHIPMENTS = counter(
    "shop_shipments_total", "Shipments that came into a state.", ["status"], shown=EVENTS
)
NEXT = {Status.LABEL_CREATED: Status.IN_TRANSIT, Status.IN_TRANSIT: Status.DELIVERED}

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shipped."""

    order_id: str
    method: str
    address: dict[str, Any]
    items: int
    contact_email: str | None


class Shipments:
    """All parcels.

    Args:
        db: the shipping service's database.
        relay: publishes its outbox.
        settings: how quickly parcels travel.
    """

    def __init__(self, db: Database, relay: Relay, settings: Settings) -> None:
        self._db = db
        self._relay = relay
        self._pause = {
            Status.LABEL_CREATED: timedelta(seconds=settings.pickup_seconds),
            Status.IN_TRANSIT: timedelta(seconds=settings.transit_seconds),
        }

    async def create(self, wanted: Wanted) -> Shipment:
        """Make the order's shipment, or return the one there is; the carrier may refuse it."""
        refusal = carrier.refusal(str(wanted.address["country"]))
        status = Status.FAILED if refusal else Status.LABEL_CREATED
        async with self._db.session() as session:
            if await self._insert(session, wanted, status, refusal):
                await self._enter(session, wanted.order_id, status)
            shipment = await session.get_one(Shipment, wanted.order_id)
        self._relay.wake()
        return shipment

    async def call_off(self, order_id: str) -> bool:
        """Keep an order from being shipped; False if it has been already."""
        nothing = Wanted(order_id, "", {}, 0, None)
        async with self._db.session() as session:
            await self._insert(session, nothing, Status.CANCELLED, None)
            shipment = await session.get_one(Shipment, order_id)
        return shipment.status in (Status.CANCELLED, Status.FAILED)

    async def find(self, order_id: str) -> tuple[Shipment, list[ShipmentEvent]] | None:
        """A shipment and its history, oldest first; None if there is none."""
        async with self._db.read() as session:
            shipment = await session.get(Shipment, order_id)
            if shipment is None or shipment.status == Status.CANCELLED:
                return None
            history = select(ShipmentEvent).where(ShipmentEvent.order_id == order_id)
            return shipment, list(await session.scalars(history.order_by(ShipmentEvent.id)))

    async def advance(self) -> bool:
        """Move on parcels that are due; returns whether there may be more."""
        due = select(Shipment).where(Shipment.next_at <= utc_now()).order_by(Shipment.next_at)
        async with self._db.read() as session:
            shipments = list(await session.scalars(due.limit(BATCH)))
        for shipment in shipments:
            with continued(dict(shipment.headers)), span("move shipment"):
                await self._move_on(shipment.order_id, Status(shipment.status))
        if shipments:
            self._relay.wake()
        return len(shipments) == BATCH

    async def _move_on(self, order_id: str, before: Status) -> None:
        after = NEXT[before]
        moved = (
            update(Shipment)
            .where(Shipment.order_id == order_id, Shipment.status == before)
            .values(status=after, next_at=self._next_at(after))
            .returning(Shipment.order_id)
            .execution_options(synchronize_session=False)
        )
        async with self._db.session() as session:
            # Another replica may have been first.
            if await session.scalar(moved) is not None:
                await self._enter(session, order_id, after)

    async def _insert(
        self, session: AsyncSession, wanted: Wanted, status: Status, reason: str | None
    ) -> bool:
        """Store a shipment unless the order has one."""
        headers: dict[str, str] = {}
        capture_context(headers)
        insert = self._db.insert(Shipment).values(
            order_id=wanted.order_id,
            tracking_number=carrier.tracking_number() if status == Status.LABEL_CREATED else "",
            method=wanted.method,
            address=wanted.address,
            items=wanted.items,
            contact_email=wanted.contact_email,
            status=status,
            reason=reason,
            next_at=self._next_at(status),
            headers=headers,
            created_at=utc_now(),
        )
        insert = insert.on_conflict_do_nothing(index_elements=["order_id"])
        return await session.scalar(insert.returning(Shipment.order_id)) is not None

    async def _enter(self, session: AsyncSession, order_id: str, status: Status) -> None:
        """What is to be done whenever a shipment comes into a state, in the same transaction."""
        now = utc_now()
        session.add(ShipmentEvent(order_id=order_id, status=status, at=now))
        shipment = await session.get_one(Shipment, order_id, populate_existing=True)
        body = {
            "order_id": order_id,
            "status": status,
            "tracking_number": shipment.tracking_number,
            "reason": shipment.reason,
            "contact_email": shipment.contact_email,
            "at": now.isoformat(),
        }
        record(session, Outbox, EVENTS[status], body)
        SHIPMENTS.labels(status).inc()
        log.info(
            "shipment_moved",
            order_id=order_id,
            status=status,
            tracking_number=shipment.tracking_number,
        )

    def _next_at(self, status: Status) -> datetime | None:
        pause = self._pause.get(status)
        return None if pause is None else utc_now() + pause
