"""Runs the go command so that it can be watched, ended, and its failures explained."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from observability.backends import Backend
from observability.stack.child import launcher

#: The machine stays usable: whatever else wants the processor goes first.
_NICENESS: Final = 10
_KEPT_LINES: Final = 40
_FIXED: Final = {
    "GOFLAGS": "-mod=readonly",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
    "CGO_ENABLED": "0",
}
#: The server runs here, whatever else its user builds for; and on any machine with this cache.
_OF_ANOTHER_MACHINE: Final = frozenset(
    {"GOOS", "GOARCH", "GOARM", "GOARM64", "GOAMD64", "GOEXPERIMENT"}
)


class BuildError(Exception):
    """A server could not be built. Its text is one line: which, why, what to do.

    Attributes:
        output: the last lines that the compiler wrote.
    """

    def __init__(self, message: str, output: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.output = tuple(output)


@dataclass
class Compiler:
    """The go command, run in the folder of a server's pinned module."""

    backend: Backend
    go: Path
    module: Path
    marks: Mapping[str, str] = field(default_factory=dict)
    tail: list[str] = field(default_factory=list)

    @property
    def packages(self) -> tuple[str, ...]:
        """Commands to build."""
        return self.backend.pinned.packages

    @property
    def flags(self) -> list[str]:
        """Flags of the pinned build: the same ones tell what is stale."""
        pinned = self.backend.pinned
        link = f"-s -w -X {pinned.version_symbol}={pinned.version}"
        return ["-trimpath", "-buildvcs=false", "-tags", ",".join(pinned.tags), "-ldflags", link]

    async def lines(self, *arguments: str) -> AsyncGenerator[str, None]:
        """Run `go …` and yield what it writes; when left early, end it and its children.

        Raises:
            BuildError: it failed; says why and what to do.
        """
        self.tail.clear()
        process = await asyncio.create_subprocess_exec(
            *(*launcher(), str(self.go), *arguments),
            cwd=self.module,
            env={**_environment(), **self.marks},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=1 << 20,
        )
        try:
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
            if process.stdout is None:
                raise BuildError("the compiler cannot be read from")
            async for raw in process.stdout:
                line = raw.decode(errors="replace").rstrip()
                self._remember(line)
                yield line
            code = await process.wait()
        finally:
            await _end(process)
        if code:
            raise BuildError(self._why(code), self.tail)

    def _remember(self, line: str) -> None:
        if line and not is_package(line) and not line.startswith("go: downloading"):
            self.tail.append(line)
            del self.tail[:-_KEPT_LINES]

    def _why(self, code: int) -> str:
        output = "\n".join(self.tail)
        last = self.tail[-1] if self.tail else f"go ended with {code}"
        return f"{self.backend.title} could not be built ({last}): {_advice(output, code)}"


#: What in a compiler's output tells the cause, and what helps.
_ADVICE: Final = (
    (("no space left",), "make room on the disk, or set BELFRY_CACHE_DIR and GOCACHE to another"),
    (
        ("dial tcp", "no such host", "i/o timeout", "connection refused", "TLS handshake"),
        "the first build needs the network; check it, or GOPROXY, and start again",
    ),
    (("Forbidden", "Not Found"), "the module proxy refuses a module; set GOPROXY to another"),
    (("signal: killed", "cannot allocate memory"), "memory ran out: close something, start again"),
    (("checksum mismatch", "SECURITY ERROR"), "what was downloaded is not what was pinned: stop"),
)


def _advice(output: str, code: int) -> str:
    if code in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return "it was killed, likely for want of memory: close something and start again"
    for signs, advice in _ADVICE:
        if any(sign in output for sign in signs):
            return advice
    return "start again, or put a fitting one on PATH"


def is_package(line: str) -> bool:
    """Whether a line of `go build -v` is the import path of a package."""
    return bool(line) and " " not in line and ":" not in line and not line.startswith(("#", "\t"))


def _environment() -> dict[str, str]:
    """The user's own Go settings, except what would make the build another than the pinned one."""
    theirs = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_MACHINE}
    return theirs | _FIXED


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the go command and the compilers that it started."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
