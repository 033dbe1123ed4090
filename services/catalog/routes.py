"""The catalog service's HTTP API."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field, StringConstraints, model_validator

from observability import audit, counter, get_logger
from services.catalog.model import Reservation
from services.catalog.products import Products
from services.catalog.reservations import Reservations, merged
from services.kit.auditing import Source
from services.kit.auth import AdminUser
from services.kit.database import Database
from services.kit.problems import Problem

RESERVATIONS = counter("shop_reservations_total", "Stock reservations.", ["outcome"])
log = get_logger(__name__)
router = APIRouter()

ID = r"^[A-Za-z0-9_-]{1,64}$"
LARGEST = 1_000_000_000
Text = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00]*$")]
ProductId = Annotated[str, Path(pattern=ID)]
OrderId = Annotated[str, Path(pattern=ID)]


class Parts:
    """What the routes work with, on `app.state.parts`."""

    def __init__(self, db: Database, products: Products) -> None:
        self.products = products
        self.reservations = Reservations(db)


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


Use = Annotated[Parts, Depends(_parts)]


class Wanted(BaseModel):
    """Which products to list."""

    id: list[Annotated[str, StringConstraints(pattern=ID)]] | None = Field(
        default=None, max_length=100
    )
    query: Text = ""
    category: Text = ""
    page: int = Field(default=1, ge=1, le=10_000)
    page_size: int = Field(default=12, ge=1, le=100)


class ProductOut(BaseModel):
    """A product; the price in cents."""

    id: str
    name: str
    description: str
    category: str
    price_cents: int
    currency: str
    stock: int
    emoji: str


class PageOut(BaseModel):
    """A page of products; `total` counts those of all pages."""

    items: list[ProductOut]
    total: int
    page: int
    page_size: int


class ProductChange(BaseModel):
    """A new price, a new stock, or both."""

    price_cents: int | None = Field(default=None, ge=0, le=LARGEST)
    stock: int | None = Field(default=None, ge=0, le=LARGEST)

    @model_validator(mode="after")
    def _not_empty(self) -> "ProductChange":
        if self.price_cents is None and self.stock is None:
            raise ValueError("give price_cents, stock or both")
        return self


class Line(BaseModel):
    """How many of one product."""

    product_id: Annotated[str, StringConstraints(pattern=ID)]
    quantity: int = Field(ge=1, le=1000)


class NewReservation(BaseModel):
    """Stock to set aside for an order for some time."""

    order_id: Annotated[str, StringConstraints(pattern=ID)]
    lines: list[Line] = Field(min_length=1, max_length=100)
    ttl_seconds: float = Field(default=300, gt=0, le=86_400)


class ReservationOut(BaseModel):
    """A reservation; `expires_at` matters while its status is `held`."""

    order_id: str
    status: str
    expires_at: datetime


@router.get("/products")
async def list_products(wanted: Annotated[Wanted, Query()], parts: Use) -> PageOut:
    """Products by words and category, a page at a time; or, by repeated `id`, these as of now."""
    if wanted.id is None:
        found = await parts.products.page(
            wanted.query, wanted.category, wanted.page, wanted.page_size
        )
        return PageOut(**found)
    items = [ProductOut(**one) for one in await parts.products.by_ids(wanted.id)]
    return PageOut(items=items, total=len(items), page=1, page_size=len(items))


@router.get("/products/{product_id}")
async def show_product(product_id: ProductId, parts: Use) -> ProductOut:
    """One product."""
    product = await parts.products.one(product_id)
    if product is None:
        raise _no_such(product_id)
    return ProductOut(**product)


@router.get("/categories")
async def list_categories(parts: Use) -> list[str]:
    """The names of all categories."""
    return await parts.products.categories()


@router.patch("/products/{product_id}")
async def change_product(
    product_id: ProductId, change: ProductChange, admin: AdminUser, parts: Use, source: Source
) -> ProductOut:
    """Set price or stock; shoppers see it within the staleness of the cache."""
    changes: dict[str, Any] = change.model_dump(exclude_none=True)
    product = await parts.products.change(product_id, changes)
    if product is None:
        raise _no_such(product_id)
    log.info("product_changed", product_id=product_id, account_id=admin.id, **changes)
    for field, value in changes.items():
        action = "price_change" if field == "price_cents" else "stock_change"
        audit(action, actor=admin.id, target=f"product {product_id}", source=source, new=value)
    return ProductOut(**product)


@router.post("/reservations", status_code=201)
async def reserve(new: NewReservation, parts: Use) -> ReservationOut:
    """Set stock aside; repeating it is harmless. 409 names the product that is out of stock."""
    lines = merged((line.product_id, line.quantity) for line in new.lines)
    lifetime = timedelta(seconds=new.ttl_seconds)
    try:
        reservation = await parts.reservations.hold(new.order_id, lines, lifetime)
    except Problem as problem:
        RESERVATIONS.labels("refused").inc()
        log.warning("reservation_refused", order_id=new.order_id, reason=problem.title)
        raise
    RESERVATIONS.labels("held").inc()
    log.info("stock_reserved", order_id=new.order_id, products=len(lines))
    return _out(reservation)


@router.post("/reservations/{order_id}/commit")
async def commit(order_id: OrderId, parts: Use) -> ReservationOut:
    """Make the reservation final; repeating it is harmless."""
    reservation = await parts.reservations.commit(order_id)
    RESERVATIONS.labels("committed").inc()
    log.info("reservation_committed", order_id=order_id)
    return _out(reservation)


@router.delete("/reservations/{order_id}", status_code=204)
async def release(order_id: OrderId, parts: Use) -> None:
    """Give the stock back, also after a commit; repeating it is harmless."""
    if await parts.reservations.release(order_id):
        RESERVATIONS.labels("released").inc()
        log.info("reservation_released", order_id=order_id)


async def sweep(parts: Parts) -> None:
    """Expire what is due."""
    for order_id in await parts.reservations.expire():
        RESERVATIONS.labels("expired").inc()
        log.warning("reservation_expired", order_id=order_id)


def _no_such(product_id: str) -> Problem:
    return Problem(404, "No such product", f"There is no product {product_id}.")


def _out(reservation: Reservation) -> ReservationOut:
    return ReservationOut(
        order_id=reservation.order_id,
        status=reservation.status,
        expires_at=reservation.expires_at,
    )
