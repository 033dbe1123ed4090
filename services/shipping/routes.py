"""The shipping service's HTTP API."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field, StringConstraints

from services.kit.auth import ServiceUser
from services.kit.fields import Address, Id, PathId
from services.kit.problems import Problem
from services.shipping import carrier
from services.shipping.model import Shipment, ShipmentEvent, Status
from services.shipping.shipments import Shipments, Wanted

router = APIRouter()


def _shipments(request: Request) -> Shipments:
    shipments: Shipments = request.app.state.shipments
    return shipments


Use = Annotated[Shipments, Depends(_shipments)]


class QuoteOut(BaseModel):
    """A way of shipping and its price."""

    method: str
    price_cents: int
    days: int


class QuotesOut(BaseModel):
    """Ways of shipping, cheapest first."""

    quotes: list[QuoteOut]


class NewShipment(BaseModel):
    """An order to be shipped."""

    order_id: Id
    method: Literal["standard", "express"]
    address: Address
    items: int = Field(ge=1, le=100_000)
    contact_email: Annotated[str, StringConstraints(max_length=320)] | None = None


class EventOut(BaseModel):
    """When a parcel came into a state."""

    status: str
    at: datetime


class ShipmentOut(BaseModel):
    """A parcel and its history, oldest first."""

    order_id: str
    tracking_number: str
    status: str
    method: str
    history: list[EventOut]


@router.get("/quotes")
async def quotes(
    country: Annotated[str, Query(pattern=r"^[A-Z]{2}$")],
    items: Annotated[int, Query(ge=1, le=100_000)],
) -> QuotesOut:
    """What shipping so many items to a country costs; 422 if it is not served."""
    rates = carrier.quotes(country, items)
    if not rates:
        raise _not_served(f"We do not ship to {country}.")
    return QuotesOut(
        quotes=[QuoteOut(method=r.method, price_cents=r.price_cents, days=r.days) for r in rates]
    )


@router.post("/shipments", status_code=201)
async def create(new: NewShipment, shipments: Use, _caller: ServiceUser) -> ShipmentOut:
    """Ship an order, once however often asked; 422 if the carrier refuses, 409 if called off."""
    shipment = await shipments.create(
        Wanted(
            order_id=new.order_id,
            method=new.method,
            address=new.address.model_dump(),
            items=new.items,
            contact_email=new.contact_email,
        )
    )
    if shipment.status == Status.FAILED:
        raise _not_served(shipment.reason or "The carrier refused the parcel.")
    return await _answer(shipments, new.order_id)


@router.get("/shipments/{order_id}")
async def show(order_id: PathId, shipments: Use, _caller: ServiceUser) -> ShipmentOut:
    """Where an order's parcel is. Whose it is the caller must know."""
    return await _answer(shipments, order_id, missing_status=404)


@router.post("/shipments/{order_id}/cancel", status_code=204)
async def cancel(order_id: PathId, shipments: Use, _caller: ServiceUser) -> None:
    """Keep an order from being shipped; 409 if its parcel is made already. May be repeated."""
    if not await shipments.call_off(order_id):
        raise Problem(409, "Already shipped", f"The parcel of order {order_id} is on its way.")


async def _answer(shipments: Shipments, order_id: str, missing_status: int = 409) -> ShipmentOut:
    found = await shipments.find(order_id)
    if found is None:
        title = "No such shipment" if missing_status == 404 else "Shipment called off"
        raise Problem(missing_status, title, f"Order {order_id} has no parcel.")
    return _out(*found)


def _out(shipment: Shipment, history: list[ShipmentEvent]) -> ShipmentOut:
    return ShipmentOut(
        order_id=shipment.order_id,
        tracking_number=shipment.tracking_number,
        status=shipment.status,
        method=shipment.method,
        history=[EventOut(status=event.status, at=event.at) for event in history],
    )


def _not_served(detail: str) -> Problem:
    return Problem(422, "Country not served", detail)
