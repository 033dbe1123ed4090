"""The cart: what is in it, more of it, less of it."""

from dataclasses import dataclass

from fastapi import Request, Response
from pydantic import BaseModel, Field

from services.gateway.models import CartItem, Product
from services.gateway.pages.common import missing, page_router
from services.gateway.pages.forms import Filled, read
from services.gateway.pages.rendering import page, see
from services.gateway.parallel import Maybe, attempt
from services.gateway.sessions import OwnForm, SignedIn
from services.gateway.shop import Shop, TheShop
from services.kit.fields import Id, PathId
from services.kit.problems import Problem

MOST_OF_ONE = 99
router = page_router()


@dataclass(frozen=True, slots=True)
class Line:
    """So many of one product; the product itself is unknown while the catalogue is down."""

    product_id: str
    quantity: int
    product: Product | None

    @property
    def name(self) -> str:
        """The product's name, else its id."""
        return self.product.name if self.product else self.product_id

    @property
    def total_cents(self) -> int:
        """Price of all of them; 0 while the price is unknown."""
        return self.quantity * self.product.price_cents if self.product else 0

    @property
    def short(self) -> bool:
        """Whether there are fewer in stock."""
        return self.product is not None and self.product.stock < self.quantity


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a cart, as far as it could be found out.

    Attributes:
        lines: None while the cart service is down.
        unavailable: What is missing, a sentence each.
    """

    lines: list[Line] | None
    unavailable: list[str]

    @property
    def count(self) -> int | None:
        """How many things there are, if known."""
        return None if self.lines is None else sum(line.quantity for line in self.lines)

    @property
    def subtotal_cents(self) -> int | None:
        """Price of all, if every price is known."""
        if self.lines is None or any(line.product is None for line in self.lines):
            return None
        return sum(line.total_cents for line in self.lines)


async def contents_of(shop: Shop, token: str) -> Contents:
    """Return what is in the user's cart: two questions, however much it is."""
    items = await attempt(shop.cart_items(token))
    if items.value is None:
        return Contents(None, missing(cart=items))
    ids = [item.product_id for item in items.value]
    products: Maybe[dict[str, Product]] = await attempt(shop.products_by_id(ids))
    return Contents(_lines(items.value, products.value or {}), missing(catalog=products))


def _lines(items: list[CartItem], products: dict[str, Product]) -> list[Line]:
    return [Line(i.product_id, i.quantity, products.get(i.product_id)) for i in items]


class Wanted(BaseModel):
    """So many of one product, as a form says it."""

    product_id: Id
    quantity: int = Field(default=1, ge=1, le=MOST_OF_ONE)


@router.get("/cart")
async def cart(request: Request, user: SignedIn, shop: TheShop) -> Response:
    """Show the cart."""
    contents = await contents_of(shop, user.token)
    return page(
        request,
        "cart.html",
        status=503 if contents.lines is None else 200,
        cart_count=contents.count,
        unavailable=contents.unavailable,
        lines=contents.lines,
        subtotal_cents=contents.subtotal_cents,
    )


@router.post("/cart/items")
async def add(user: SignedIn, shop: TheShop, fields: OwnForm) -> Response:
    """Put so many more of a product into the cart."""
    wanted = _wanted(dict(fields))
    items = await shop.cart_items(user.token)
    there = sum(item.quantity for item in items if item.product_id == wanted.product_id)
    quantity = min(there + wanted.quantity, MOST_OF_ONE)
    await shop.put_in_cart(user.token, wanted.product_id, quantity)
    return see("/cart", "added")


@router.post("/cart/items/{product_id}")
async def change(user: SignedIn, shop: TheShop, fields: OwnForm, product_id: PathId) -> Response:
    """Set how many of a product are in the cart."""
    wanted = _wanted({**fields, "product_id": product_id})
    await shop.put_in_cart(user.token, product_id, wanted.quantity)
    return see("/cart", "updated")


@router.post("/cart/items/{product_id}/remove")
async def remove(user: SignedIn, shop: TheShop, _fields: OwnForm, product_id: PathId) -> Response:
    """Take a product out of the cart."""
    await shop.cart.delete(f"/cart/items/{product_id}", token=user.token)
    return see("/cart", "removed")


def _wanted(values: dict[str, object]) -> Wanted:
    wanted = read(Wanted, values, Filled())
    if wanted is None:
        raise Problem(422, "Request not valid", f"The quantity must be 1 to {MOST_OF_ONE}.")
    return wanted
