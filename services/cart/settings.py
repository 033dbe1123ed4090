"""Settings of the cart service."""

from typing import ClassVar

from services.kit.settings import ShopSettings


class Settings(ShopSettings):
    """The cart service needs to be told no more than all are."""

    service: ClassVar[str] = "cart"
