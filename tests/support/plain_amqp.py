"""A client that sends what the protocol demands and no more: no message id, no headers."""

import asyncio
from collections.abc import Iterable

from pamqp import commands, frame
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from tests.support.rabbitmq import Broker

CHANNEL = 1


async def publish(broker: Broker, exchange: str, routing_key: str, bodies: Iterable[bytes]) -> None:
    """Publish messages that have a body and nothing else; returns when the broker has them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    client = _Client(reader, writer)
    writer.write(b"AMQP\x00\x00\x09\x01")
    await client.until(commands.Connection.Start)
    client.send(0, commands.Connection.StartOk({}, "PLAIN", "\0guest\0guest"))
    await client.until(commands.Connection.Tune)
    client.send(0, commands.Connection.TuneOk(2047, 131_072, 0))
    client.send(0, commands.Connection.Open("/"))
    client.send(CHANNEL, commands.Channel.Open())
    for body in bodies:
        client.send(CHANNEL, commands.Basic.Publish(0, exchange, routing_key))
        client.send(CHANNEL, ContentHeader(0, len(body), commands.Basic.Properties()))
        client.send(CHANNEL, ContentBody(body))
    client.send(CHANNEL, commands.Channel.Close(0, "", 0, 0))
    await client.until(commands.Channel.CloseOk)
    writer.close()
    await writer.wait_closed()


class _Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, channel: int, one: Frame | ContentHeader | ContentBody) -> None:
        self._writer.write(frame.marshal(one, channel))

    async def until(self, kind: type[Frame]) -> None:
        """Read what comes until it is of this kind."""
        async with asyncio.timeout(10):
            while True:
                start = await self._reader.readexactly(7)
                rest = await self._reader.readexactly(int.from_bytes(start[3:7]) + 1)
                _, _, found = frame.unmarshal(start + rest)
                if isinstance(found, kind):
                    return
