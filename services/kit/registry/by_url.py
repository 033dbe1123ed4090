"""Which registry a URL means."""

from collections.abc import Callable
from urllib.parse import urlsplit

import httpx

from services.kit.registry.consul import Consul
from services.kit.registry.eureka import Eureka
from services.kit.registry.port import Registry
from services.kit.settings import SettingsError

TIMEOUT_SECONDS = 3.0
_KINDS: dict[str, Callable[[httpx.AsyncClient, str | None], Registry]] = {
    "consul": Consul,
    "eureka": Eureka,
}


def registry_for(url: str, token: str | None = None) -> Registry:
    """The registry at a URL.

    Args:
        url: `consul://HOST:PORT` or `eureka://HOST:PORT/PATH`.
        token: what the registry asks of its users, where it asks for anything.

    Raises:
        SettingsError: the URL is of no known form.
    """
    parts = urlsplit(url)
    if parts.scheme not in _KINDS or not parts.netloc:
        raise SettingsError(
            f"REGISTRY_URL {url!r}: use consul://HOST:8500 or eureka://HOST:8761/eureka"
        )
    http = httpx.AsyncClient(
        base_url=f"http://{parts.netloc}{parts.path.rstrip('/')}",
        timeout=TIMEOUT_SECONDS,
        trust_env=False,
    )
    return _KINDS[parts.scheme](http, token)
