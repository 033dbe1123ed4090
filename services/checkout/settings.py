"""Settings of the checkout service."""

from typing import ClassVar

from pydantic import Field

from services.kit.settings import ShopSettings


class Settings(ShopSettings):
    """How patient checkout is."""

    service: ClassVar[str] = "checkout"

    reservation_ttl_seconds: float = Field(default=60.0, gt=0, le=86_400)
    """How long the catalog keeps stock for an order that is not paid yet."""
    lease_seconds: float = Field(default=6.0, gt=0, le=600)
    """After how long without progress an order counts as abandoned by whoever worked on it."""
    recovery_seconds: float = Field(default=1.0, gt=0, le=600)
    """How often abandoned orders are looked for."""
    parcel_seconds: float = Field(default=600.0, gt=0, le=86_400)
    """After how long without a parcel checkout itself asks shipping for that of a paid order."""
    answer_seconds: float = Field(default=4.0, gt=0, le=60)
    """How long a repeated request waits for the answer of the one still at work."""
    prefetch: int = Field(default=4, ge=1, le=100)
    """How many shipment events are handled at a time."""
