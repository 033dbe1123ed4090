"""What a load run is asked to do, checked before anything is started."""

import ipaddress
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from observability.exits import UsageError


class LoadPlan(BaseModel):
    """One load run.

    Attributes:
        host: Base address of the gateway, such as ``http://127.0.0.1:8000``.
        users: How many users are at work at once.
        rate: Most requests per second by all users together; None is no limit.
        duration: Length of the run in seconds.
    """

    model_config = ConfigDict(frozen=True)

    host: str
    users: int = Field(ge=1)
    rate: float | None = Field(default=None, gt=0)
    duration: float = Field(gt=0)


def checked_host(host: str, *, allow_remote: bool) -> str:
    """Return the base address without a trailing slash.

    Args:
        host: An http or https address.
        allow_remote: Whether hosts other than this machine are accepted.

    Raises:
        UsageError: If it is no http address, or not on this machine and not allowed to be.
    """
    parts = urlsplit(host)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = f"--host {host!r} is not an address: write it as http://127.0.0.1:8000"
        raise UsageError(message)
    if not allow_remote and not is_loopback(parts.hostname):
        message = (
            f"--host {parts.hostname} is not this machine: "
            "add --allow-remote if it is yours to put under load"
        )
        raise UsageError(message)
    return host.rstrip("/")


def is_loopback(name: str) -> bool:
    """Whether a host name or IP address is this machine itself."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
