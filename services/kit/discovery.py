"""Where the instances of a service are: a port, and which way to find them a URL means.

The URL of a service decides which is used:

    http://10.0.0.1:8002                          one instance
    http://10.0.0.1:8002,http://10.0.0.2:8002     several
    dns://catalog:8002                            every address the name resolves to
    consul://127.0.0.1:8500                       what is registered and healthy there
    eureka://127.0.0.1:8761/eureka                likewise
"""

import asyncio
import socket
import time
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from services.kit.settings import SettingsError
from services.kit.urls import names_a_host

DNS_TTL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Instance:
    """One running process of a service, by the base URL it answers at."""

    url: str


class Resolver(Protocol):
    """Finds the instances of services."""

    async def instances(self, service: str) -> list[Instance]:
        """The instances of the service as known now; empty when there is none."""

    async def aclose(self) -> None:
        """Give back what the resolver holds."""


class StaticResolver:
    """A fixed list of instances."""

    def __init__(self, urls: list[str]) -> None:
        self._instances = [Instance(url.rstrip("/")) for url in urls]

    async def instances(self, service: str) -> list[Instance]:
        """The list, whatever the service."""
        return self._instances

    async def aclose(self) -> None:
        """Nothing is held."""


class DnsResolver:
    """Every address that a host name resolves to, asked again every few seconds.

    Args:
        host: the name, such as that of a headless Kubernetes service or a compose service.
        port: TCP port of all instances.
        ttl: seconds an answer is used.
    """

    def __init__(self, host: str, port: int, ttl: float = DNS_TTL_SECONDS) -> None:
        self._host = host
        self._port = port
        self._ttl = ttl
        self._known: list[Instance] = []
        self._expires = 0.0
        self._lock = asyncio.Lock()

    async def instances(self, service: str) -> list[Instance]:
        """The addresses as instances; while the name server fails, those known before."""
        if time.monotonic() < self._expires:
            return self._known
        async with self._lock:
            if time.monotonic() >= self._expires:
                self._known = await self._resolve() or self._known
                self._expires = time.monotonic() + self._ttl
        return self._known

    async def _resolve(self) -> list[Instance]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError:
            return []
        hosts = {str(address[4][0]) for address in found}
        return [Instance(f"http://{_bracketed(host)}:{self._port}") for host in sorted(hosts)]

    async def aclose(self) -> None:
        """Nothing is held."""


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def resolver_for(url: str, token: str | None = None) -> Resolver:
    """The resolver that a service's URL asks for.

    Args:
        url: of one of the forms above.
        token: what a registry asks of its users.

    Raises:
        SettingsError: the URL is of no known form; the text does not show it.
    """
    parts = [part.strip() for part in url.split(",") if part.strip()]
    if parts and all(names_a_host(part) for part in parts):
        first = urlsplit(parts[0])
        if first.scheme == "dns" and len(parts) == 1 and first.hostname and first.port:
            return DnsResolver(first.hostname, first.port)
        if first.scheme in {"consul", "eureka"} and len(parts) == 1:
            return _from_registry(url, token)
        if all(urlsplit(part).scheme in {"http", "https"} for part in parts):
            return StaticResolver(parts)
    raise SettingsError(
        "use http://HOST:PORT[,http://…], dns://HOST:PORT, "
        "consul://HOST:PORT or eureka://HOST:PORT/PATH"
    )


def _from_registry(url: str, token: str | None) -> Resolver:
    # The registries are written in terms of this module.
    from services.kit.registry import RegistryResolver, registry_for  # noqa: PLC0415

    return RegistryResolver(registry_for(url, token))
