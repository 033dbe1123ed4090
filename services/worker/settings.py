"""Settings of the worker."""

from typing import ClassVar

from pydantic import Field

from services.kit.settings import ShopSettings


class Settings(ShopSettings):
    """How much the worker does at a time."""

    service: ClassVar[str] = "worker"

    prefetch: int = Field(default=8, ge=1, le=1000)
    """How many messages of each queue are handled at a time."""
    notification_seconds: float = Field(default=0.02, ge=0, le=60)
    """How long the simulated mail server takes for one mail."""
