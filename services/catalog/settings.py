"""Settings of the catalog service."""

from typing import ClassVar

from pydantic import Field

from services.kit.settings import ShopSettings


class Settings(ShopSettings):
    """What the catalog service can be told beyond what all are."""

    service: ClassVar[str] = "catalog"

    cache_ttl_seconds: float = Field(default=2.0, ge=0, le=3600)
    """Seconds for which a product that was read is taken for unchanged."""
    cache_stale_seconds: float = Field(default=3.0, ge=0, le=3600)
    """Seconds after that for which it is still shown while it is read anew."""
    sweep_seconds: float = Field(default=1.0, gt=0, le=3600)
    """Seconds between looks for reservations that have expired."""
