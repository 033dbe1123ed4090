"""The connection to a broker that is not there."""

import asyncio
import gc
import logging

import pytest

from services.kit.queue.port import QueueUnavailableError
from services.kit.queue.rabbitmq_link import Link
from tests.support.ports import free_port


@pytest.mark.parametrize("patience", [0.0, 0.5])
async def test_a_broker_that_is_away_fails_whoever_calls_and_floods_no_log(
    caplog: pytest.LogCaptureFixture, patience: float
) -> None:
    """However many attempts that takes, and also if one ends that nobody waits for any more."""
    link = Link(f"amqp://guest:guest@127.0.0.1:{free_port()}/", patience)
    with caplog.at_level(logging.DEBUG), pytest.raises(QueueUnavailableError, match="is away"):
        await link.call(lambda _: asyncio.sleep(0))
    await asyncio.sleep(0.1)
    await link.close()
    gc.collect()
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING] == []
