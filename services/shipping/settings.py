"""Settings of the shipping service."""

from typing import ClassVar

from pydantic import Field

from services.kit.settings import ShopSettings


class Settings(ShopSettings):
    """How quickly parcels travel."""

    service: ClassVar[str] = "shipping"

    pickup_seconds: float = Field(default=2.0, ge=0, le=86_400)
    """From the label to the way."""
    transit_seconds: float = Field(default=5.0, ge=0, le=86_400)
    """From the way to the door."""
    tick_seconds: float = Field(default=0.5, gt=0, le=60)
    """How often it is looked which parcels are due."""
