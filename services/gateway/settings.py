"""Settings of the gateway."""

from typing import Literal

from pydantic import Field

from services.kit.settings import ShopSettings


class GatewaySettings(ShopSettings):
    """What the gateway can be told besides what every service can."""

    service = "gateway"

    console_url: str | None = None
    """Address of the console; trace ids in the pages' footers then link to it."""
    cache_ttl_seconds: float = Field(default=3.0, ge=0, le=3600)
    """How long a catalogue answer is given out without asking again."""
    cache_stale_seconds: float = Field(default=6.0, ge=0, le=3600)
    """How much longer it is given out while it is being refreshed behind the scenes. Both count
    from when the catalogue read its database, as it says in whole seconds: the sum and one second
    more is the longest a shopper can see an old price while the catalogue is up."""
    cache_error_seconds: float = Field(default=600.0, ge=0, le=86400)
    """How much longer it is given out while the catalogue does not answer."""
    secure_cookies: Literal["auto", "always"] = "auto"
    """Whether browsers send cookies by HTTPS alone: by default if they came by it. A proxy that
    ends HTTPS is believed only if FORWARDED_ALLOW_IPS names it; `always` needs no such word."""
