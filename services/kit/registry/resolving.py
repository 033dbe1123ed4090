"""Finds instances through a registry."""

import asyncio
import contextlib

from observability import get_logger
from services.kit.discovery import Instance
from services.kit.registry.port import Registry, RegistryError

FIRST_ANSWER_SECONDS = 3.0
RETRY_SECONDS = 1.0

log = get_logger(__name__)


class RegistryResolver:
    """The healthy instances of each service that was asked for, kept up to date by watching.

    While the registry is away the instances known before are used.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[str, list[Instance]] = {}
        self._answered: dict[str, asyncio.Event] = {}
        self._watches: list[asyncio.Task[None]] = []

    async def instances(self, service: str) -> list[Instance]:
        """The instances as known now; the first call waits, bounded, for the first answer."""
        if service not in self._answered:
            self._answered[service] = asyncio.Event()
            self._watches.append(asyncio.create_task(self._watch(service)))
        if service not in self._known:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_ANSWER_SECONDS):
                    await self._answered[service].wait()
        return self._known.get(service, [])

    async def _watch(self, service: str) -> None:
        failed = False
        while True:
            try:
                async for found in self._registry.watch(service):
                    self._known[service] = found
                    self._answered[service].set()
                    failed = False
            except RegistryError as error:
                if not failed:
                    log.warning("registry_unavailable", registry_error=str(error), service=service)
            except Exception:
                # An answer nobody thought of, such as a proxy's page: not the end of watching.
                if not failed:
                    log.exception("registry_not_understood", service=service)
            failed = True
            await asyncio.sleep(RETRY_SECONDS)

    async def aclose(self) -> None:
        """Stop watching and close the registry."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        await self._registry.aclose()
