"""Asks a process whether it is ready.

A few lines on a bare socket rather than an HTTP client: a starting stack is asked a hundred times a
second, and the supervisor should cost next to nothing.
"""

import asyncio
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 2.0
_LONGEST_ANSWER = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether the process is ready, and if not, why."""

    ready: bool
    reason: str = ""


#: The answer for what has no readiness URL: it runs, so it is ready.
READY = Answer(ready=True)


async def ask(url: str) -> Answer:
    """GET the readiness URL: any 2xx is ready; never raises."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            status, body = await _get(url)
    except TimeoutError:
        return Answer(False, f"no answer within {_TIMEOUT_SECONDS:.0f} s")
    except (OSError, ValueError):
        return Answer(False, "does not listen yet")
    if 200 <= status < 300:
        return READY
    return Answer(False, f"answers {status}{_explanation(body)}")


async def _get(url: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        # HTTP/1.0: the answer ends where the connection does, so there is nothing to decode
        request = f"GET {parts.path or '/'} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n"
        writer.write(request.encode())
        answer = await reader.read(_LONGEST_ANSWER)
        while not reader.at_eof() and len(answer) < _LONGEST_ANSWER:
            answer += await reader.read(_LONGEST_ANSWER)
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(maxsplit=2)
    if len(words) < 2:
        raise ValueError("not an HTTP answer")
    return int(words[1]), body


def _explanation(body: bytes) -> str:
    """What a 503 says of its checks: the names of those that fail, else its first line."""
    try:
        document = json.loads(body)
    except ValueError:
        text = body.decode(errors="replace").strip()
        return f": {text.splitlines()[0][:120]}" if text else ""
    checks = document.get("checks") if isinstance(document, dict) else None
    if not isinstance(checks, dict):
        return ""
    failing = [f"{name} {state}" for name, state in checks.items() if state not in {"ok", True}]
    return f": {', '.join(failing)[:200]}" if failing else ""
