"""The worker's share of the faults that other services show in their answers."""

import asyncio

from services.kit.faults import Faults
from services.kit.queue import Message
from services.kit.queue.port import Handler


class InjectedFaultError(Exception):
    """A failure on purpose."""


def faulty(handler: Handler, faults: Faults) -> Handler:
    """The handler, as late and as badly as the faults `latency_ms` and `error_rate` ask for."""

    async def handle(message: Message) -> None:
        if faults.any_set:
            await asyncio.sleep(faults.value("latency_ms") / 1000)
            if faults.happens("error_rate"):
                raise InjectedFaultError("an error was injected on purpose")
        await handler(message)

    return handle
