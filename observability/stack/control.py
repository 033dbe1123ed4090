"""How `belfry status`, `scale`, `restart` and `down` reach a running supervisor: a unix socket.

One request a connection: a line of JSON `{"command": …, …arguments}`, answered by a line
`{"result": …}` or `{"error": "…"}`. The socket is its owner's only.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from observability.exits import UsageError
from observability.settings import Settings

#: The kernel takes socket paths of at most 107 bytes.
_LONGEST_PATH = 100
_LONGEST_LINE = 1_000_000

Handler = Callable[..., Awaitable[Any]]


class NotRunningError(Exception):
    """There is no supervisor on this state folder."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(f"no stack is running on {settings.state_dir}; `belfry up` starts one")


def socket_path(settings: Settings) -> Path:
    """Where the supervisor of a state folder listens: in it, unless its path is too long for that.

    Raises:
        UsageError: the folder that is used instead belongs to somebody else.
    """
    path = settings.state_dir / "control.sock"
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        return path
    folder = Path(tempfile.gettempdir()) / f"belfry-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise UsageError(
            f"{folder} belongs to another user: set BELFRY_STATE_DIR to a shorter path"
        )
    return folder / f"{hashlib.sha256(os.fsencode(settings.state_dir)).hexdigest()[:16]}.sock"


class Control:
    """The supervisor's side: answers by the handler of the command's name."""

    def __init__(self, settings: Settings, handlers: dict[str, Handler]) -> None:
        self._path = socket_path(settings)
        self._handlers = handlers
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to listen; whoever has the state folder's lock may take the socket's path."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=_LONGEST_LINE)
        self._path.chmod(0o600)

    async def close(self) -> None:
        """Stop to listen; answers under way are still given."""
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            try:
                answer = await self._answer(await reader.readline())
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
            finally:
                writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            handler = self._handlers[request.pop("command")]
        except (ValueError, KeyError, AttributeError):
            return {"error": "not a command of this supervisor"}
        try:
            return {"result": await handler(**request)}
        except UsageError as error:
            return {"error": str(error)}
        except Exception as error:  # whoever asked must hear of it, and the supervisor go on
            return {"error": f"{type(error).__name__}: {error}"}


def ask(settings: Settings, command: str, *, timeout: float = 60, **arguments: Any) -> Any:
    """Send a command to the running supervisor.

    Args:
        settings: name the state folder.
        command: `status`, `scale`, `restart` or `stop`.
        timeout: seconds to wait for the answer.
        arguments: of the command.

    Returns:
        The command's result.

    Raises:
        NotRunningError: nobody listens.
        UsageError: the supervisor refuses; says why.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(socket_path(settings)))
            connection.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
            with connection.makefile("rb") as file:
                line = file.readline()
        except TimeoutError:
            raise UsageError(f"the supervisor did not answer within {timeout:.0f} s") from None
        except OSError:
            raise NotRunningError(settings) from None
    if not line:
        raise NotRunningError(settings)
    answer = json.loads(line)
    if "error" in answer:
        raise UsageError(answer["error"])
    return answer["result"]
