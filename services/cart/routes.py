"""The cart service's HTTP API: the cart of whoever is signed in."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from observability import get_logger
from services.cart.model import Cart, CartItem
from services.kit.auth import CurrentUser
from services.kit.database import Database, utc_now
from services.kit.fields import PathId
from services.kit.problems import Problem

MAX_ITEMS = 50
LAST_REVISION = 2**31 - 1
log = get_logger(__name__)
router = APIRouter()


def _database(request: Request) -> Database:
    db: Database = request.app.state.db
    return db


Use = Annotated[Database, Depends(_database)]


class Quantity(BaseModel):
    """How many; 0 takes the product out."""

    quantity: int = Field(ge=0, le=99)


class ItemOut(BaseModel):
    """One product in the cart."""

    product_id: str
    quantity: int


class CartOut(BaseModel):
    """The cart; `updated_at` is null as long as nothing was ever put into it.

    `revision` goes up with each change.
    """

    items: list[ItemOut]
    updated_at: datetime | None
    revision: int


@router.get("/cart")
async def show(user: CurrentUser, db: Use) -> CartOut:
    """The cart, in the order in which things were put into it."""
    async with db.read() as session:
        return await _cart(session, user.id)


@router.put("/cart/items/{product_id}")
async def put_item(product_id: PathId, wanted: Quantity, user: CurrentUser, db: Use) -> CartOut:
    """Set how many of a product are in the cart."""
    async with db.session() as session:
        revision = await _touch(db, session, user.id)
        if wanted.quantity:
            item = ItemOut(product_id=product_id, quantity=wanted.quantity)
            await _set(db, session, user.id, item, revision)
        else:
            await _remove(session, user.id, product_id)
        cart = await _cart(session, user.id)
    log.info("cart_changed", product_id=product_id, quantity=wanted.quantity)
    return cart


@router.delete("/cart/items/{product_id}")
async def remove_item(product_id: PathId, user: CurrentUser, db: Use) -> CartOut:
    """Take a product out of the cart; no matter whether it was in it."""
    async with db.session() as session:
        await _touch(db, session, user.id)
        await _remove(session, user.id, product_id)
        cart = await _cart(session, user.id)
    log.info("cart_changed", product_id=product_id, quantity=0)
    return cart


@router.delete("/cart", status_code=204)
async def empty(
    user: CurrentUser,
    db: Use,
    up_to: Annotated[int, Query(ge=0, le=LAST_REVISION)] = LAST_REVISION,
) -> None:
    """Empty the cart; of a given revision, if so, so that what was put there later stays."""
    async with db.session() as session:
        await _touch(db, session, user.id)
        known = CartItem.revision <= up_to
        await session.execute(delete(CartItem).where(CartItem.account_id == user.id, known))
    log.info("cart_emptied")


async def _touch(db: Database, session: AsyncSession, account_id: str) -> int:
    """Note the change; returns its revision.

    The cart's row also keeps other changes of the same cart waiting.
    """
    now = utc_now()
    insert = db.insert(Cart).values(account_id=account_id, updated_at=now, revision=1)
    touch = insert.on_conflict_do_update(
        index_elements=["account_id"], set_={"updated_at": now, "revision": Cart.revision + 1}
    )
    return (await session.scalars(touch.returning(Cart.revision))).one()


async def _set(
    db: Database, session: AsyncSession, account_id: str, item: ItemOut, revision: int
) -> None:
    key = {"account_id": account_id, "product_id": item.product_id}
    values = {"quantity": item.quantity, "revision": revision}
    insert = db.insert(CartItem).values(**key, **values, added_at=utc_now())
    await session.execute(insert.on_conflict_do_update(index_elements=list(key), set_=values))
    count = select(func.count()).select_from(CartItem).where(CartItem.account_id == account_id)
    if (await session.scalar(count) or 0) > MAX_ITEMS:
        raise Problem(409, "Cart full", f"A cart holds at most {MAX_ITEMS} different products.")


async def _remove(session: AsyncSession, account_id: str, product_id: str) -> None:
    await session.execute(
        delete(CartItem).where(CartItem.account_id == account_id, CartItem.product_id == product_id)
    )


async def _cart(session: AsyncSession, account_id: str) -> CartOut:
    # In one statement: the revision must be that of what is in it.
    found = await session.execute(
        select(Cart, CartItem)
        .outerjoin(CartItem, CartItem.account_id == Cart.account_id)
        .where(Cart.account_id == account_id)
        .order_by(CartItem.added_at, CartItem.product_id)
        .execution_options(populate_existing=True)
    )
    rows = [(cart, item) for cart, item in found]
    if not rows:
        return CartOut(items=[], updated_at=None, revision=0)
    cart = rows[0][0]
    items = [ItemOut(product_id=i.product_id, quantity=i.quantity) for _, i in rows if i]
    return CartOut(items=items, updated_at=cart.updated_at, revision=cart.revision)
