"""Which registry a URL means."""

from collections.abc import Callable
from urllib.parse import SplitResult, unquote, urlsplit

import httpx

from services.kit.registry.consul import Consul
from services.kit.registry.eureka import Eureka
from services.kit.registry.port import Registry
from services.kit.settings import SettingsError
from services.kit.urls import names_a_host

TIMEOUT_SECONDS = 3.0
_KINDS: dict[str, Callable[[httpx.AsyncClient, str | None], Registry]] = {
    "consul": Consul,
    "eureka": Eureka,
}


def registry_for(url: str, token: str | None = None) -> Registry:
    """The registry at a URL.

    Args:
        url: `consul://HOST:PORT` or `eureka://HOST:PORT/PATH`, `USER:PASSWORD@` before the host
            where the registry asks for them.
        token: what the registry asks of its users, where it asks for anything.

    Raises:
        SettingsError: the URL is of no known form.
    """
    parts = address_of(url)
    # Not left in the address, which is shown wherever the registry fails.
    user = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    where = parts.netloc.rpartition("@")[2]
    http = httpx.AsyncClient(
        base_url=f"http://{where}{parts.path.rstrip('/')}",
        auth=user,
        timeout=TIMEOUT_SECONDS,
        trust_env=False,
    )
    return _KINDS[parts.scheme](http, token)


def address_of(url: str) -> SplitResult:
    """The URL of a registry in its parts.

    Raises:
        SettingsError: it is of no known form; the text does not show it.
    """
    parts = urlsplit(url)
    if parts.scheme not in _KINDS or not names_a_host(url):
        raise SettingsError(
            "use consul://[USER:PASSWORD@]HOST:8500 or eureka://[USER:PASSWORD@]HOST:8761/eureka"
        )
    return parts
