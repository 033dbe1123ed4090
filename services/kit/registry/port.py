"""What a registry is to the shop, and how it is asked."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from services.kit.discovery import Instance

CHECK_SECONDS = 2
"""Between two health checks of an instance."""


@dataclass(frozen=True)
class Registration:
    """One instance as others shall find it.

    Attributes:
        service: name under which others look for it.
        instance_id: its `service.instance.id`, unique in the registry.
        host: address that others can reach.
        port: TCP port.
        version: its `service.version`.
    """

    service: str
    instance_id: str
    host: str
    port: int
    version: str = ""

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://{self.host}:{self.port}"


class RegistryError(Exception):
    """The registry cannot be reached or refuses; the message says which and why."""


class Registry(Protocol):
    """Keeps who is there and well."""

    renew_seconds: float
    """How often `renew` is due."""

    async def register(self, me: Registration) -> None:
        """Make the instance known, with a health check.

        Raises:
            RegistryError: it did not become known.
        """

    async def renew(self, me: Registration) -> bool:
        """Confirm that the instance is there; False if the registry does not know it (any more).

        Raises:
            RegistryError: the registry did not answer.
        """

    async def deregister(self, me: Registration) -> None:
        """Take the instance out; nothing happens if it is not in.

        Raises:
            RegistryError: the registry did not answer.
        """

    def watch(self, service: str) -> AsyncIterator[list[Instance]]:
        """The healthy instances of a service: now, then after each change, without end.

        Raises:
            RegistryError: the registry did not answer; watch anew.
        """

    async def aclose(self) -> None:
        """Close the connections."""


async def send(http: httpx.AsyncClient, method: str, path: str, **request: Any) -> httpx.Response:
    """A request to a registry, whatever its answer.

    Raises:
        RegistryError: there was no answer, or it was a server error.
    """
    try:
        response = await http.request(method, path, **request)
    except httpx.HTTPError as error:
        raise RegistryError(f"{http.base_url}: {error or type(error).__name__}") from error
    if response.is_server_error:
        raise RegistryError(f"{http.base_url}: {response.status_code} {response.text[:200]}")
    return response


def accepted(response: httpx.Response) -> httpx.Response:
    """The response, unless the registry refused.

    Raises:
        RegistryError: it did, with its reason.
    """
    if response.is_error:
        raise RegistryError(f"{response.url}: {response.status_code} {response.text[:200]}")
    return response
