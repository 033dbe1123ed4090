"""The shop's data as the gateway passes it on; they document the API and type the pages."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints

from services.kit.fields import Address, Text

Password = Annotated[str, StringConstraints(min_length=1, max_length=128)]
NewPassword = Annotated[str, StringConstraints(min_length=8, max_length=128)]


class Answer(BaseModel):
    """Something another service said; members that are not known here pass through."""

    model_config = ConfigDict(extra="allow")


class NewAccount(BaseModel):
    """Sign-up."""

    email: Text
    name: Text
    password: NewPassword


class Credentials(BaseModel):
    """Sign-in."""

    email: Text
    password: Password


class PasswordChange(BaseModel):
    """A new password, proven by the old one."""

    current_password: Password
    new_password: NewPassword


class Account(Answer):
    """Who has an account."""

    id: str
    email: str
    name: str


class Session(Answer):
    """A signed-in session: send the token as ``Authorization: Bearer``."""

    token: str
    token_type: str
    expires_at: datetime
    account: Account


class Product(Answer):
    """Something that can be bought."""

    id: str
    name: str
    description: str
    category: str
    price_cents: int
    currency: str
    stock: int
    emoji: str


class ProductPage(Answer):
    """One page of products."""

    items: list[Product]
    total: int
    page: int
    page_size: int


class Categories(RootModel[list[str]]):
    """Names of categories."""


class ProductChange(BaseModel):
    """A new price or stock."""

    price_cents: int | None = Field(default=None, ge=0, le=100_000_000)
    stock: int | None = Field(default=None, ge=0, le=1_000_000)


class CartItem(Answer):
    """So many of one product."""

    product_id: str
    quantity: int


class Cart(Answer):
    """What a user wants to buy."""

    items: list[CartItem]


class Quantity(BaseModel):
    """How many of a product."""

    quantity: int = Field(ge=1, le=99)


class Quote(Answer):
    """A way of shipping and its price."""

    method: str
    price_cents: int
    days: int | str


class Quotes(Answer):
    """Ways of shipping to a country."""

    quotes: list[Quote]


class Payment(BaseModel):
    """How an order is paid; never stored or logged."""

    card_number: Annotated[str, StringConstraints(pattern=r"^[0-9][0-9 -]{10,29}$")] = Field(
        repr=False
    )


class NewOrder(BaseModel):
    """An order of what is in the cart."""

    address: Address
    shipping_method: Literal["standard", "express"]
    payment: Payment
    expected_total_cents: int | None = Field(default=None, ge=0, le=10**15)
    """If given, another total at the time of ordering is refused with 409."""


class OrderLine(Answer):
    """One product of an order at the price it was bought for."""

    product_id: str
    name: str
    quantity: int
    price_cents: int


class SagaStep(Answer):
    """One step of an order's way, or of the way back."""

    step: str
    state: str
    at: datetime


class Order(Answer):
    """An order and how far it is."""

    id: str
    status: str
    lines: list[OrderLine]
    subtotal_cents: int
    shipping_cents: int
    total_cents: int
    currency: str
    address: Address
    shipping_method: str
    created_at: datetime
    saga: list[SagaStep]


class Orders(Answer):
    """A page of a user's orders, latest first; `total` counts those of all pages."""

    items: list[Order]
    total: int
    page: int
    page_size: int


class ShipmentEvent(Answer):
    """When a shipment came into a state."""

    status: str
    at: datetime


class Shipment(Answer):
    """A parcel on its way."""

    order_id: str
    tracking_number: str
    status: str
    method: str
    history: list[ShipmentEvent]


class ProblemDocument(Answer):
    """An error (RFC 9457) with the trace id to look it up by."""

    type: str
    title: str
    status: int
    detail: str | None = None
    instance: str | None = None
    trace_id: str | None = None
