"""Keeps one instance known to its registry for as long as it runs."""

import asyncio
import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from observability import get_logger
from services.kit.registry.by_url import registry_for
from services.kit.registry.port import Registration, Registry, RegistryError
from services.kit.settings import ShopSettings

RETRY_SECONDS = 1.0

log = get_logger(__name__)


def announced(
    service: str, resource: Mapping[str, object], settings: ShopSettings
) -> contextlib.AbstractAsyncContextManager["Announcement | None"]:
    """Keep a process known to the registry that the settings name, if they name one.

    Args:
        service: name under which others look for it.
        resource: what telemetry says of the process: its instance id and version.
        settings: say where the registry is, and where the process is to be found.
    """
    if not settings.registry:
        return contextlib.nullcontext()
    where = urlsplit(settings.advertise_url or "")
    me = Registration(
        service,
        str(resource["service.instance.id"]),
        where.hostname or "",
        where.port or 80,
        str(resource.get("service.version", "")),
    )
    return Announcement(registry_for(settings.registry, settings.registry_secret), me)


class Announcement:
    """Registers on entry, renews while inside, deregisters on exit or before.

    A registry that is away holds up neither start nor stop: it is tried again in the background,
    and one that has forgotten the instance is told anew.
    """

    def __init__(self, registry: Registry, me: Registration) -> None:
        self._registry = registry
        self._me = me
        self._task: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to be known."""
        self._task = asyncio.create_task(self._keep_known())
        return self

    def leave(self) -> asyncio.Task[None]:
        """Begin to be known no longer, though still there for those who have not heard of it."""
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._deregister())
        return self._leaving

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Be known no longer."""
        await self.leave()
        await self._registry.aclose()

    async def _deregister(self) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        try:
            await self._registry.deregister(self._me)
        except Exception as error:
            log.warning("deregistration_failed", registry_error=str(error))

    async def _keep_known(self) -> None:
        known = failed = False
        while True:
            try:
                known = known and await self._registry.renew(self._me)
                if not known:
                    await self._registry.register(self._me)
                    log.info("registered", instance_url=self._me.url)
                known, failed = True, False
                pause = self._registry.renew_seconds
            except RegistryError as error:
                if not failed:  # said once, not once a second
                    log.warning("registration_failed", registry_error=str(error))
                failed, pause = True, RETRY_SECONDS
            except Exception:
                # Whatever it is: were this to end, nobody would find the instance any more.
                if not failed:
                    log.exception("registration_failed")
                failed, pause = True, RETRY_SECONDS
            await asyncio.sleep(pause)
