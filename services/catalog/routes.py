"""The catalog service's HTTP API."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints, model_validator

from observability import audit, counter, get_logger
from services.catalog.model import Reservation
from services.catalog.products import Products
from services.catalog.reservations import SWEEP_BATCH, Reservations, merged
from services.kit.auditing import Source
from services.kit.auth import CurrentUser, ServiceUser, require_admin
from services.kit.database import Database
from services.kit.fields import Id, PathId
from services.kit.problems import Problem

RESERVATIONS = counter(
    "shop_reservations_total",
    "Stock reservations.",
    ["outcome"],
    shown=["held", "refused", "committed", "released", "expired"],
)
log = get_logger(__name__)
router = APIRouter()

LARGEST = 1_000_000_000
SearchText = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00]*$")]
AUDITED = {"price_cents": "price_change", "stock": "stock_change"}


class Parts:
    """What the routes work with, on `app.state.parts`."""

    def __init__(self, db: Database, products: Products) -> None:
        self.products = products
        self.reservations = Reservations(db)

    async def sweep(self) -> bool:
        """Expire reservations that are due; returns whether there may be more."""
        expired = await self.reservations.expire()
        for order_id in expired:
            RESERVATIONS.labels("expired").inc()
            log.warning("reservation_expired", order_id=order_id)
        return len(expired) == SWEEP_BATCH


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


Use = Annotated[Parts, Depends(_parts)]


class Wanted(BaseModel):
    """Which products to list."""

    id: list[Id] | None = Field(default=None, max_length=100)
    query: SearchText = ""
    category: SearchText = ""
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

    product_id: Id
    quantity: int = Field(ge=1, le=1000)


class NewReservation(BaseModel):
    """Stock to set aside for an order for some time."""

    order_id: Id
    lines: list[Line] = Field(min_length=1, max_length=100)
    ttl_seconds: float = Field(default=300, gt=0, le=86_400)


class ReservationOut(BaseModel):
    """A reservation; `expires_at` matters while its status is `held`."""

    order_id: str
    status: str
    expires_at: datetime


@router.get("/products")
async def list_products(
    wanted: Annotated[Wanted, Query()], parts: Use, response: Response
) -> PageOut:
    """Products by words and category, a page at a time; or, by repeated `id`, these as of now."""
    if wanted.id is None:
        found, age = await parts.products.page(
            wanted.query, wanted.category, wanted.page, wanted.page_size
        )
        _tell_age(response, age)
        return PageOut(**found)
    items = [ProductOut(**one) for one in await parts.products.by_ids(wanted.id)]
    return PageOut(items=items, total=len(items), page=1, page_size=len(items))


@router.get("/products/{product_id}")
async def show_product(product_id: PathId, parts: Use, response: Response) -> ProductOut:
    """One product."""
    product, age = await parts.products.one(product_id)
    if product is None:
        raise _no_such(product_id)
    _tell_age(response, age)
    return ProductOut(**product)


@router.get("/categories")
async def list_categories(parts: Use, response: Response) -> list[str]:
    """The names of all categories."""
    names, age = await parts.products.categories()
    _tell_age(response, age)
    return names


@router.patch("/products/{product_id}")
async def change_product(
    product_id: PathId, change: ProductChange, user: CurrentUser, parts: Use, source: Source
) -> ProductOut:
    """Set price or stock, as an admin; shoppers see it within the staleness of the cache."""
    changes: dict[str, Any] = change.model_dump(exclude_none=True)
    who = {"actor": user.id, "target": f"product {product_id}", "source": source}
    try:
        require_admin(user)
        found = await parts.products.change(product_id, changes)
        if found is None:
            raise _no_such(product_id)
    except Problem as problem:
        outcome = "denied" if problem.status == HTTPStatus.FORBIDDEN else "failure"
        _audit(who, changes, {}, outcome)
        raise
    before, after = found
    _audit(who, changes, before, "success")
    log.info("product_changed", product_id=product_id, account_id=user.id, **changes)
    return ProductOut(**after)


def _audit(
    who: dict[str, str], changes: dict[str, Any], before: dict[str, Any], outcome: str
) -> None:
    for field, new in changes.items():
        audit(AUDITED[field], **who, outcome=outcome, old=before.get(field), new=new)


@router.post("/reservations", status_code=201)
async def reserve(new: NewReservation, parts: Use, _caller: ServiceUser) -> ReservationOut:
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
async def commit(order_id: PathId, parts: Use, _caller: ServiceUser) -> ReservationOut:
    """Make the reservation final; repeating it is harmless."""
    reservation = await parts.reservations.commit(order_id)
    RESERVATIONS.labels("committed").inc()
    log.info("reservation_committed", order_id=order_id)
    return _out(reservation)


@router.delete("/reservations/{order_id}", status_code=204)
async def release(order_id: PathId, parts: Use, _caller: ServiceUser) -> None:
    """Give the stock back, also after a commit; repeating it is harmless."""
    if await parts.reservations.release(order_id):
        RESERVATIONS.labels("released").inc()
        log.info("reservation_released", order_id=order_id)


def _tell_age(response: Response, age: float) -> None:
    """Whoever caches the answer must count from when the database was read."""
    response.headers["Age"] = str(int(age))


def _no_such(product_id: str) -> Problem:
    return Problem(404, "No such product", f"There is no product {product_id}.")


def _out(reservation: Reservation) -> ReservationOut:
    return ReservationOut(
        order_id=reservation.order_id,
        status=reservation.status,
        expires_at=reservation.expires_at,
    )
