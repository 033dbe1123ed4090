"""Asking a process whether it is ready: by HTTP, bounded, never raising."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from observability.stack import probe


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """A server that says this to whoever connects; its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/readyz"


def http(status: int, body: str) -> bytes:
    """An HTTP answer."""
    return f"HTTP/1.1 {status} Whatever\r\ncontent-type: x\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("answer", "ready", "reason"),
    [
        (http(200, "ok"), True, ""),
        (http(204, ""), True, ""),
        (
            http(503, '{"checks": {"database": "locked", "queue": "ok"}}'),
            False,
            "answers 503: database locked",
        ),
        (http(503, "Ingester not ready\nmore"), False, "answers 503: Ingester not ready"),
        (http(500, ""), False, "answers 500"),
        (b"SSH-2.0-nothing\r\n", False, "does not listen yet"),
        (b"", False, "does not listen yet"),
    ],
)
async def test_an_answer_says_ready_or_why_not(answer: bytes, ready: bool, reason: str) -> None:
    """2xx is ready; of a 503 the checks that fail, or its first line, are the reason."""
    async with answering(answer) as url:
        assert await probe.ask(url) == probe.Answer(ready, reason)


async def test_who_does_not_listen_is_not_ready(unused_tcp_port_factory: Callable[[], int]) -> None:
    """A refused connection is an answer too."""
    asked = await probe.ask(f"http://127.0.0.1:{unused_tcp_port_factory()}/readyz")

    assert asked == probe.Answer(False, "does not listen yet")


async def test_who_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that hangs does not make the supervisor hang."""
    monkeypatch.setattr(probe, "_TIMEOUT_SECONDS", 0.1)
    release = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        asked = await probe.ask(f"http://127.0.0.1:{port}/")
        release.set()

    assert not asked.ready
    assert asked.reason.startswith("no answer within")
