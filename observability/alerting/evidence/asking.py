"""Questions to backends that cost a bounded time and whose failure is noted, not raised."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

from observability.query import BackendError, Jaeger, Loki, Prometheus, client
from observability.settings import Settings

SOURCE_SECONDS = 2.5
"""How long one backend may take for one answer."""

Answer = TypeVar("Answer")


@dataclass
class Asking:
    """The backends, and which of them did not answer; one object for one notification.

    A backend that failed once is not asked again, so that one that is down costs its time once.
    """

    prometheus: Prometheus
    loki: Loki
    jaeger: Jaeger
    missing: dict[str, str] = field(default_factory=dict)

    async def ask(
        self, backend: str, question: Callable[[], Awaitable[list[Answer]]]
    ) -> list[Answer]:
        """The answer; or nothing, with the reason noted under the backend's name.

        Args:
            backend: whose fault it is if there is no answer.
            question: makes the request; not called if the backend failed before.
        """
        if backend in self.missing:
            return []
        try:
            async with asyncio.timeout(SOURCE_SECONDS):
                return await question()
        except TimeoutError:
            self.missing[backend] = "did not answer in time"
        except BackendError as error:
            self.missing[backend] = error.reason
        except (ValueError, KeyError, TypeError, IndexError) as error:
            self.missing[backend] = f"answered something unexpected ({type(error).__name__})"
        return []

    def notes(self) -> list[str]:
        """`Loki: did not answer in time`, one a backend."""
        return [f"{backend}: {reason[:200]}" for backend, reason in sorted(self.missing.items())]


class Backends:
    """Connections to the backends of the settings, open while entered."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def __aenter__(self) -> Backends:
        for name in ("prometheus", "loki", "jaeger"):
            opened = client(self._settings.url(name), SOURCE_SECONDS)
            self._clients[name] = await self._stack.enter_async_context(opened)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def asking(self) -> Asking:
        """Nobody has failed yet."""
        clients = self._clients
        return Asking(
            Prometheus(clients["prometheus"]), Loki(clients["loki"]), Jaeger(clients["jaeger"])
        )
