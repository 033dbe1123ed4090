"""What is particular to the queue in a file."""

import asyncio
import subprocess
import sys

import pytest

from services.kit.queue.port import Queue
from services.kit.queue.topology import Topology
from tests.support.queues import depth


@pytest.fixture
def side() -> str:
    """The file alone."""
    return "embedded"


async def test_nothing_is_lost_when_the_writer_is_killed(
    queue: Queue, url: str, shape: Topology, paid: str
) -> None:
    """What a publisher was told is stored is there after kill -9 of it."""
    script = (
        "import asyncio, sys\n"
        "from tests.support.queues import open_for_test, topology\n"
        "async def main():\n"
        "    queue = open_for_test(sys.argv[1])\n"
        "    await queue.declare(topology(sys.argv[2]))\n"
        "    for n in range(100000):\n"
        "        await queue.publish('order.paid', {}, message_id=str(n))\n"
        "        print(n, flush=True)\n"
        "asyncio.run(main())\n"
    )

    def publish_and_die() -> int:
        with subprocess.Popen(
            [sys.executable, "-c", script, url, shape.exchange], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if int(line) == 200:
                    process.kill()
                    return int(line)
        return -1

    told = await asyncio.to_thread(publish_and_die)
    assert told == 200
    assert await depth(queue, paid) >= told + 1
