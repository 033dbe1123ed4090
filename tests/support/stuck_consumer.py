"""A process that takes a message, says so and never finishes: something to kill.

python -m tests.support.stuck_consumer URL NAME
"""

import asyncio
import sys

from services.kit.queue.port import Message
from tests.support.queues import open_for_test, topology


async def main(url: str, name: str) -> None:
    """Consume `<name>-paid` for ever."""
    queue = open_for_test(url)
    await queue.declare(topology(name))

    async def hang(message: Message) -> None:
        sys.stdout.write(f"{message.id}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

    await queue.consume(f"{name}-paid", hang)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
