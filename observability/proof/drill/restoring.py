"""What a drill must put back, written down before it is changed.

An interrupted drill puts everything back as it ends. One that is killed cannot: the next
`belfry drill` finds in the journal what is left to do.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import psutil
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from observability.exits import UsageError
from observability.faults import FlagFile
from observability.settings import Settings
from observability.stack import control
from observability.stack.state import StateLock, write_atomically

_CONTROL_SECONDS = 60.0


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True)


class FaultWas(_Entry):
    """A fault had this value."""

    kind: Literal["fault"] = "fault"
    fault: str
    value: str

    def restore(self, settings: Settings) -> None:
        """Give it the value again."""
        FlagFile(settings.flags_file).set({self.fault: self.value})


class Ran(_Entry):
    """A process ran that has been stopped in its tracks; `created` tells it from a later one."""

    kind: Literal["ran"] = "ran"
    pid: int
    created: float

    def restore(self, settings: Settings) -> None:
        """Let it go on, if it is still the same."""
        try:
            process = psutil.Process(self.pid)
            if process.create_time() == self.created:
                process.resume()
        except psutil.NoSuchProcess:
            return


class ReplicasWere(_Entry):
    """A service had so many replicas."""

    kind: Literal["replicas"] = "replicas"
    service: str
    replicas: int

    def restore(self, settings: Settings) -> None:
        """Run as many again."""
        control.ask(
            settings,
            "scale",
            timeout=_CONTROL_SECONDS,
            name=self.service,
            replicas=self.replicas,
        )


class Restarted(_Entry):
    """A process was restarted as another version, or with another environment.

    Attributes:
        version: what a service reported before; None if that was not changed.
    """

    kind: Literal["restarted"] = "restarted"
    process: str
    version: str | None

    def restore(self, settings: Settings) -> None:
        """Restart it as it was configured, and as that version."""
        control.ask(
            settings,
            "restart",
            timeout=_CONTROL_SECONDS,
            name=self.process,
            version=self.version,
        )


class FileWas(_Entry):
    """A file had this content, or was not there."""

    kind: Literal["file"] = "file"
    path: str
    content: str | None

    def restore(self, settings: Settings) -> None:
        """Put it back."""
        path = Path(self.path)
        if self.content is None:
            path.unlink(missing_ok=True)
        else:
            write_atomically(path, self.content)


class Blocked(_Entry):
    """A file has been put aside, and a folder in its place."""

    kind: Literal["blocked"] = "blocked"
    path: str

    @property
    def aside(self) -> Path:
        """Where the file is meanwhile."""
        return Path(f"{self.path}.aside")

    def restore(self, settings: Settings) -> None:
        """Put it back, unless that was done."""
        path = Path(self.path)
        if self.aside.exists():
            if path.is_dir():
                path.rmdir()
            self.aside.replace(path)


Entry = Annotated[
    FaultWas | Ran | ReplicasWere | Restarted | FileWas | Blocked, Field(discriminator="kind")
]
#: What outlives the stack that it was done to.
_LASTING = (FileWas, Blocked)
_ENTRIES: TypeAdapter[list[Entry]] = TypeAdapter(list[Entry])


class Journal:
    """What is still to be put back, in a file of the state folder.

    Args:
        settings: whose stack.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = settings.state_dir / "drill.json"
        self._entries: list[Entry] = []
        #: What could not be put back, and why; the next run tries again.
        self.failures: list[str] = []

    @property
    def left(self) -> bool:
        """Whether something is still to be put back."""
        return self._path.exists()

    def replay(self) -> int:
        """Put back what an earlier run that was killed has left; how many things that were.

        What belongs to a stack that has been stopped since is forgotten: it starts with every
        fault off, every process running and the replicas that it is told.

        Raises:
            UsageError: the journal cannot be read, or not all could be put back.
        """
        try:
            found: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
            entries = _ENTRIES.validate_python(found["entries"])
        except FileNotFoundError:
            return 0
        except (ValueError, KeyError, ValidationError) as error:
            raise UsageError(f"{self._path} cannot be read ({error}): delete it") from None
        now = self._supervisor()
        same = now is not None and found.get("supervisor") == now
        left = [one for one in entries if same or isinstance(one, _LASTING)]
        self._entries = list(left)
        for entry in reversed(left):
            self._put_back(entry)
        self._write()
        if self.failures:
            raise UsageError(f"not all could be put back: {'; '.join(self.failures)}")
        return len(left)

    @asynccontextmanager
    async def restoring(self, entry: Entry) -> AsyncIterator[None]:
        """Within, something may be changed; at the end, however it comes, it is as before.

        What cannot be put back is among the failures, and stays in the file.
        """
        self._entries.append(entry)
        self._write()
        try:
            yield
        finally:
            await asyncio.shield(asyncio.to_thread(self._put_back, entry))
            self._write()

    def _put_back(self, entry: Entry) -> None:
        try:
            entry.restore(self._settings)
        except Exception as error:  # whatever it is, the others are still to be put back
            self.failures.append(f"{entry!r}: {error or type(error).__name__}")
        else:
            self._entries.remove(entry)

    def _write(self) -> None:
        if not self._entries:
            self._path.unlink(missing_ok=True)
            return
        entries = _ENTRIES.dump_python(self._entries, mode="json")
        document = {"supervisor": self._supervisor(), "entries": entries}
        write_atomically(self._path, json.dumps(document, indent=2), 0o600)

    def _supervisor(self) -> int | None:
        return StateLock(self._settings).holder()
