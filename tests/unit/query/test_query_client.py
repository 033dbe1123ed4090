"""Connections to backends, as all that read their APIs open them."""

import asyncio

import pytest

from observability.query import BackendError, Prometheus, client
from tests.support.ports import free_port


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What Prometheus says to a query without an answer."""
    await reader.readuntil(b"\r\n\r\n")
    body = b'{"status": "success", "data": {"resultType": "vector", "result": []}}'
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    writer.close()


async def test_a_backend_is_asked_past_the_environments_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It runs beside what reads it, where no proxy would find it."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, client(f"http://127.0.0.1:{port}", 5) as http:
        assert await Prometheus(http).instant("up") == []


async def test_a_backend_that_is_away_is_named() -> None:
    """Rather than that a connection failed."""
    async with client(f"http://127.0.0.1:{free_port()}", 5) as http:
        with pytest.raises(BackendError) as raised:
            await Prometheus(http).instant("up")
    assert raised.value.backend == "Prometheus"
