"""What the views share: settings, clients of the backends, dashboards, what happened lately."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from observability.alerting.notifications import Store
from observability.boards import Backends, Board, load_all
from observability.query import Alertmanager, BackendError, Jaeger, Loki, Prometheus, client
from observability.settings import Settings

_ANSWER_SECONDS = 10.0
_KEPT_SECONDS = 4.0
_MOST_KEPT = 32
Value = TypeVar("Value")


@dataclass
class Context:
    """One console's; `close` ends its connections."""

    settings: Settings
    store: Store
    _clients: list[httpx.AsyncClient] = field(default_factory=list)
    _boards: dict[str, Board] = field(default_factory=dict)
    _read_at: float = -1.0
    _kept: dict[str, tuple[float, asyncio.Future[Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.prometheus = Prometheus(self._client("prometheus"))
        self.loki = Loki(self._client("loki"))
        self.jaeger = Jaeger(self._client("jaeger"))
        self.alertmanager = Alertmanager(self._client("alertmanager"))
        self.backends = Backends(self.prometheus, self.loki, self.jaeger)

    async def close(self) -> None:
        """Close the connections to the backends."""
        for opened in self._clients:
            await opened.aclose()

    def boards(self) -> dict[str, Board]:
        """Dashboards by uid; read again when a file of theirs has changed."""
        folder = self.settings.dashboards_dir
        newest = max((path.stat().st_mtime for path in folder.glob("*.json")), default=0.0)
        if newest != self._read_at:
            self._boards = {board.uid: board for board in load_all(folder)}
            self._read_at = newest
        return self._boards

    async def kept(self, key: str, ask: Callable[[], Awaitable[Value]]) -> Value:
        """The answer of `ask`, shared by all who want it within a few seconds."""
        now = time.monotonic()
        found = self._kept.get(key)
        if found is None or now - found[0] > _KEPT_SECONDS:
            self._forget(now)
            found = (now, asyncio.ensure_future(ask()))
            self._kept[key] = found
        answer: Value = await asyncio.shield(found[1])
        return answer

    def _forget(self, now: float) -> None:
        old = [key for key, (at, _) in self._kept.items() if now - at > _KEPT_SECONDS]
        for key in old if len(self._kept) < _MOST_KEPT else list(self._kept):
            del self._kept[key]

    def _client(self, name: str) -> httpx.AsyncClient:
        opened = client(self.settings.url(name), _ANSWER_SECONDS)
        self._clients.append(opened)
        return opened


async def or_none(asked: Awaitable[Value]) -> Value | None:
    """The answer, or None if its backend is down: for what is a bonus to a view."""
    try:
        return await asked
    except BackendError:
        return None
