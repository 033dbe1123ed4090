"""One connection to a RabbitMQ broker that comes back after the broker has been away."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, ChannelPreconditionFailed, PublishError
from yarl import URL

from services.kit.queue.port import QueueError, QueueUnavailableError, UnroutableError

CONNECT_SECONDS = 3.0
HEARTBEAT_SECONDS = 10
RETRY_PAUSE = 0.25
LOST = (*CONNECTION_EXCEPTIONS, asyncio.TimeoutError, asyncio.InvalidStateError)
"""What a call raises when the broker or the connection to it went away meanwhile."""

T = TypeVar("T")

# An error for each attempt, several a second: who needs the broker says once that it is away.
logging.getLogger("aiormq.connection").setLevel(logging.CRITICAL)


class Link:
    """A shared connection, opened on first use and again whenever it has been lost.

    Args:
        url: `amqp://user:password@host:port/vhost`.
        patience_seconds: How long `call` keeps trying before it says that the broker is away.
    """

    def __init__(self, url: str, patience_seconds: float) -> None:
        self._url = URL(url).update_query(heartbeat=HEARTBEAT_SECONDS)
        self._patience = patience_seconds
        self._opening = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._shared: AbstractChannel | None = None
        self._sharing: asyncio.Task[AbstractChannel] | None = None
        self._dropped: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def address(self) -> str:
        """Host and port: what may be shown to anyone."""
        return f"{self._url.host}:{self._url.port or 5672}"

    async def channel(self) -> AbstractChannel:
        """A new channel with publisher confirms, connecting first if need be. One attempt."""
        async with self._opening:
            connection = await self._connected()
        return await connection.channel(publisher_confirms=True, on_return_raises=True)

    async def call(self, work: Callable[[AbstractChannel], Awaitable[T]]) -> T:
        """Run `work` on the shared channel; again on a new one if the broker went away.

        Raises:
            QueueUnavailableError: The broker stayed away for `patience_seconds`.
            UnroutableError: The broker returned a published message.
            QueueError: The broker refuses the declaration of a queue.
        """
        deadline = asyncio.get_running_loop().time() + self._patience
        while True:
            channel: AbstractChannel | None = None
            try:
                async with asyncio.timeout_at(deadline):
                    channel = await self._shared_channel()
                    return await work(channel)
            except PublishError as error:
                raise UnroutableError("no queue is bound to the routing key") from error
            except ChannelPreconditionFailed as error:
                raise QueueError(f"the broker has it declared differently: {error}") from error
            except LOST as error:
                self._drop(channel)
                if self._closed or asyncio.get_running_loop().time() >= deadline:
                    raise QueueUnavailableError(
                        f"RabbitMQ at {self.address} is away ({type(error).__name__})"
                    ) from error
            await asyncio.sleep(RETRY_PAUSE * random.uniform(0.5, 1.0))  # noqa: S311 - jitter

    async def close(self) -> None:
        """Close the connection; unfinished deliveries go back to their queues."""
        self._closed = True
        async with self._opening:
            await self._let_go()
        for task in (*self._dropped, self._sharing):
            if task is not None:
                task.cancel()

    async def _connected(self) -> AbstractConnection:
        if self._closed:
            raise QueueUnavailableError("the queue has been closed")
        lost = self._connection is not None and not self._connection.connected.is_set()
        if lost:
            await self._let_go()
        if self._connection is None:
            self._connection = await _open(self._url)
        return self._connection

    async def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*LOST):
                await asyncio.wait_for(connection.close(), CONNECT_SECONDS)

    async def _shared_channel(self) -> AbstractChannel:
        """The channel for `call`, opened once: nobody's impatience ends that for the others."""
        if self._shared is not None and not self._shared.is_closed:
            return self._shared
        if self._sharing is None:
            self._sharing = asyncio.create_task(self._share())
            # Whoever waits for it may have lost patience: then nobody asks how it ended.
            self._sharing.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._sharing)

    async def _share(self) -> AbstractChannel:
        try:
            self._shared = await self.channel()
        finally:
            self._sharing = None
        return self._shared

    def _drop(self, channel: AbstractChannel | None) -> None:
        """Use the channel no more, and close it: the broker keeps it, and what was taken on it."""
        if channel is None or channel.is_closed:
            return
        if self._shared is channel:
            self._shared = None
        # In the background: a broker that takes nothing in just now does not answer to this.
        task = asyncio.create_task(close_channel(channel))
        self._dropped.add(task)
        task.add_done_callback(self._dropped.discard)


async def _open(url: URL) -> AbstractConnection:
    connection = aio_pika.Connection(url)
    try:
        await connection.connect(timeout=CONNECT_SECONDS)
    except BaseException:
        # Else it closes itself when it is collected, in whatever thread that happens.
        await connection.close()
        raise
    return connection


async def close_channel(channel: AbstractChannel) -> None:
    """Close it; what was taken on it and not acknowledged goes back to its queue."""
    with contextlib.suppress(*LOST):
        await channel.close()
