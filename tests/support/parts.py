"""The parts that a shop under test is built on: embedded ones, or real servers."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from services.kit.queue.opening import open_plain
from services.kit.queue.topology import SHOP
from tests.support import rabbitmq
from tests.support.postgres import shared_server

STATEFUL = ("account", "catalog", "cart", "checkout", "shipping", "worker")


@dataclass(frozen=True)
class Parts:
    """Where each service keeps its data and where the queue is."""

    folder: Path
    """Everything on disk that is not the shop's state folder, as far as there is any."""
    queue_url: str
    database_urls: dict[str, str]

    def environment(self) -> dict[str, str]:
        """Variables that tell the services."""
        urls = {
            f"SHOP_{name.upper()}_DATABASE_URL": url for name, url in self.database_urls.items()
        }
        return {"SHOP_QUEUE_URL": self.queue_url, **urls}

    def rows(self, service: str, query: str, **values: str) -> list[tuple[Any, ...]]:
        """What a service has stored."""
        return asyncio.run(self._rows(service, query, values))

    async def _rows(
        self, service: str, query: str, values: dict[str, str]
    ) -> list[tuple[Any, ...]]:
        engine = create_async_engine(self.database_urls[service])
        try:
            async with engine.connect() as connection:
                return [tuple(row) for row in await connection.execute(text(query), values)]
        finally:
            await engine.dispose()

    def execute(self, service: str, statement: str, **values: str) -> None:
        """Change what a service has stored."""
        asyncio.run(self._execute(service, statement, values))

    async def _execute(self, service: str, statement: str, values: dict[str, str]) -> None:
        engine = create_async_engine(self.database_urls[service])
        try:
            async with engine.begin() as connection:
                await connection.execute(text(statement), values)
        finally:
            await engine.dispose()

    def publish(self, routing_key: str, body: dict[str, Any]) -> str:
        """Publish an event, as a service would; returns its id."""
        return asyncio.run(self._publish(routing_key, body))

    async def _publish(self, routing_key: str, body: dict[str, Any]) -> str:
        message_id = uuid.uuid4().hex
        queue = open_plain(self.queue_url)
        try:
            await queue.declare(SHOP)
            await queue.publish(routing_key, body, None, message_id)
        finally:
            await queue.close()
        return message_id

    def publish_again(self, queue: str) -> int:
        """Publish all messages waiting in a queue once more, as a relay may do after a crash."""
        return asyncio.run(self._publish_again(queue))

    async def _publish_again(self, name: str) -> int:
        queue = open_plain(self.queue_url)
        try:
            await queue.declare(SHOP)
            waiting = await queue.peek(name, limit=1000)
            for message in waiting:
                await queue.publish(message.routing_key, message.body, message.headers, message.id)
            return len(waiting)
        finally:
            await queue.close()


@contextmanager
def parts(kind: str, folder: Path) -> Iterator[Parts]:
    """Parts of a kind, `embedded` or `real`, of the test's own."""
    if kind == "embedded":
        data = folder / "data"
        data.mkdir()
        urls = {name: f"sqlite+aiosqlite:///{data}/{name}.db" for name in STATEFUL}
        yield Parts(folder, f"sqlite:///{data}/queue.db", urls)
        return
    server = shared_server()
    (folder / "rabbitmq").mkdir()
    with rabbitmq.running(folder / "rabbitmq") as broker:
        yield Parts(folder, broker.url, {name: server.new_database() for name in STATEFUL})
