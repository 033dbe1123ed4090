"""Settings of the account service."""

from typing import ClassVar

from pydantic import Field, SecretStr

from services.kit.settings import ShopSettings


class Settings(ShopSettings):
    """What the account service can be told beyond what all are."""

    service: ClassVar[str] = "account"

    admin_email: str | None = None
    """E-mail of the admin to create at start, together with a password."""
    admin_password: SecretStr | None = Field(default=None, min_length=8)
    """Password of that admin; there is no default one."""
    token_ttl_seconds: int = Field(default=8 * 3600, ge=60, le=30 * 24 * 3600)
    """Seconds a sign-in lasts."""
