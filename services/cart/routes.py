"""The cart service's HTTP API: the cart of whoever is signed in."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, Field
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from observability import get_logger
from services.cart.model import Cart, CartItem
from services.kit.auth import CurrentUser
from services.kit.database import Database, utc_now
from services.kit.problems import Problem

MAX_ITEMS = 50
log = get_logger(__name__)
router = APIRouter()


def _database(request: Request) -> Database:
    db: Database = request.app.state.db
    return db


Use = Annotated[Database, Depends(_database)]
ProductId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Quantity(BaseModel):
    """How many; 0 takes the product out."""

    quantity: int = Field(ge=0, le=99)


class ItemOut(BaseModel):
    """One product in the cart."""

    product_id: str
    quantity: int


class CartOut(BaseModel):
    """The cart; `updated_at` is null as long as nothing was ever put into it."""

    items: list[ItemOut]
    updated_at: datetime | None


@router.get("/cart")
async def show(user: CurrentUser, db: Use) -> CartOut:
    """The cart, in the order in which things were put into it."""
    async with db.read() as session:
        return await _cart(session, user.id)


@router.put("/cart/items/{product_id}")
async def put_item(product_id: ProductId, wanted: Quantity, user: CurrentUser, db: Use) -> CartOut:
    """Set how many of a product are in the cart."""
    async with db.session() as session:
        await _touch(db, session, user.id)
        if wanted.quantity:
            await _set(db, session, user.id, ItemOut(product_id=product_id, **wanted.model_dump()))
        else:
            await _remove(session, user.id, product_id)
        cart = await _cart(session, user.id)
    log.info("cart_changed", product_id=product_id, quantity=wanted.quantity)
    return cart


@router.delete("/cart/items/{product_id}")
async def remove_item(product_id: ProductId, user: CurrentUser, db: Use) -> CartOut:
    """Take a product out of the cart; no matter whether it was in it."""
    async with db.session() as session:
        await _touch(db, session, user.id)
        await _remove(session, user.id, product_id)
        cart = await _cart(session, user.id)
    log.info("cart_changed", product_id=product_id, quantity=0)
    return cart


@router.delete("/cart", status_code=204)
async def empty(user: CurrentUser, db: Use) -> None:
    """Empty the cart."""
    async with db.session() as session:
        await _touch(db, session, user.id)
        await session.execute(delete(CartItem).where(CartItem.account_id == user.id))
    log.info("cart_emptied")


async def _touch(db: Database, session: AsyncSession, account_id: str) -> None:
    """Note the change; the cart's row also keeps other changes of the same cart waiting."""
    now = utc_now()
    insert = db.insert(Cart).values(account_id=account_id, updated_at=now)
    await session.execute(
        insert.on_conflict_do_update(index_elements=["account_id"], set_={"updated_at": now})
    )


async def _set(db: Database, session: AsyncSession, account_id: str, item: ItemOut) -> None:
    key = {"account_id": account_id, "product_id": item.product_id}
    insert = db.insert(CartItem).values(**key, quantity=item.quantity, added_at=utc_now())
    await session.execute(
        insert.on_conflict_do_update(index_elements=list(key), set_={"quantity": item.quantity})
    )
    count = select(func.count()).select_from(CartItem).where(CartItem.account_id == account_id)
    if (await session.scalar(count) or 0) > MAX_ITEMS:
        raise Problem(409, "Cart full", f"A cart holds at most {MAX_ITEMS} different products.")


async def _remove(session: AsyncSession, account_id: str, product_id: str) -> None:
    await session.execute(
        delete(CartItem).where(CartItem.account_id == account_id, CartItem.product_id == product_id)
    )


async def _cart(session: AsyncSession, account_id: str) -> CartOut:
    items = await session.scalars(
        select(CartItem)
        .where(CartItem.account_id == account_id)
        .order_by(CartItem.added_at, CartItem.product_id)
    )
    updated_at = await session.scalar(select(Cart.updated_at).where(Cart.account_id == account_id))
    return CartOut(
        items=[ItemOut(product_id=one.product_id, quantity=one.quantity) for one in items],
        updated_at=updated_at,
    )
