"""The state folder: prepared, locked by one supervisor, swept of what a killed one left."""

import contextlib
import fcntl
import json
import os
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import psutil

from observability.exits import UsageError
from observability.settings import Settings

#: In the environment of everything the supervisor starts, with the state folder as its value.
MARKER = "SUPERVISED_BY_BELFRY"
#: The same of the compilers that it runs, which nobody's shell inherits.
BUILD_MARKER = "BUILT_FOR_BELFRY"
#: Whoever asks for the holder has the lock, shared, for an instant.
_GLANCE_SECONDS = 0.2


def prepare(settings: Settings) -> None:
    """Make the state folder and what belongs in it, for its owner only.

    Raises:
        UsageError: it cannot be made or written to.
    """
    folder = settings.state_dir
    with usable(settings):
        folder.parent.mkdir(parents=True, exist_ok=True)
        for part in (folder, *_parts(settings)):
            part.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


def _parts(settings: Settings) -> tuple[Path, ...]:
    return (
        settings.logs_dir,
        settings.data_dir,
        settings.targets_dir,
        settings.secrets_dir,
        settings.state_dir / "config",
    )


@contextlib.contextmanager
def usable(settings: Settings) -> Iterator[None]:
    """While in here, what is wrong with the state folder is wrong use.

    Raises:
        UsageError: something cannot be written to or is in the way; names it.
    """
    folder = settings.state_dir
    try:
        yield
    except OSError as error:
        path = error.filename2 or error.filename  # the second is what was to be replaced
        what = f"{path}: {error.strerror}" if path else error.strerror
        raise UsageError(
            f"state folder {folder} cannot be written to ({what}): "
            "make it writable or set BELFRY_STATE_DIR to another"
        ) from None


def write_atomically(path: Path, text: str, mode: int | None = None) -> None:
    """Replace a file's content so that a reader sees the old or the new, never a part.

    Args:
        path: of the file.
        text: its new content.
        mode: of the file; if none is given that of the one replaced, or its owner's only.
    """
    if mode is None and path.exists():
        mode = path.stat().st_mode & 0o777
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class StateLock:
    """Held by the one supervisor of a state folder; the kernel frees it however that one ends."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.state_dir
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock, and write our pid into it for others to name.

        Raises:
            UsageError: another supervisor has it; names its pid.
        """
        file = self._path.open("a+", encoding="utf-8")
        deadline = time.monotonic() + _GLANCE_SECONDS
        while not _locked(file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                file.close()
                raise self._taken(self.holder())
            time.sleep(0.01)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def require_free(self) -> None:
        """Make sure that there is no supervisor yet.

        Raises:
            UsageError: there is one; names its pid.
        """
        if (pid := self.holder()) is not None:
            raise self._taken(pid)

    def release(self) -> None:
        """Give the lock back."""
        if self._file:
            self._file.close()
            self._file = None

    def holder(self) -> int | None:
        """Pid of the supervisor that has the lock, None if there is none."""
        try:
            with self._path.open(encoding="utf-8") as file:
                if not _locked(file, fcntl.LOCK_SH):
                    return int(file.read() or 0)
        except (FileNotFoundError, ValueError):
            pass
        return None

    def _taken(self, pid: int | None) -> UsageError:
        return UsageError(
            f"a stack is already running on {self._folder} (pid {pid}): "
            "stop it with `belfry down` or set BELFRY_STATE_DIR to another folder"
        )

    @property
    def _path(self) -> Path:
        return self._folder / "supervisor.lock"


def _locked(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Records:
    """Pids of what is running, on disk, for the next start to sweep should this one be killed."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.state_dir / "processes.json"
        self._marker = str(settings.state_dir)
        self._written: list[int] | None = None

    def write(self, pids: Iterable[int]) -> None:
        """Record these and no others; that they are the same as before is not written again."""
        now = sorted(pids)
        if now != self._written:
            write_atomically(self._path, json.dumps(now))
            self._written = now

    def sweep(self, patience: float = 5.0) -> list[int]:
        """End what a killed supervisor left behind; only call with the lock held.

        A recorded pid may belong to somebody else by now: only processes whose environment says
        that this state folder's supervisor started them are touched. Compilers say it by a mark
        of their own and need not be recorded.

        Args:
            patience: seconds from SIGTERM to SIGKILL.

        Returns:
            Pids of the processes that were ended.
        """
        left = self._left_behind()
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGTERM)
        _, stubborn = psutil.wait_procs(left, timeout=patience)
        for process in stubborn:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(stubborn, timeout=patience)
        self.write([])
        return [process.pid for process in left]

    def _left_behind(self) -> list[psutil.Process]:
        try:
            groups = set(json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            groups = set()
        return [process for process in psutil.process_iter() if self._is_ours(process, groups)]

    def _is_ours(self, process: psutil.Process, groups: set[int]) -> bool:
        try:
            environment = process.environ()
            if environment.get(BUILD_MARKER) == self._marker:
                return True
            return os.getpgid(process.pid) in groups and environment.get(MARKER) == self._marker
        except (psutil.Error, OSError):
            return False


def wait_until_free(lock: StateLock, timeout: float) -> bool:
    """Whether the lock became free within so many seconds."""
    deadline = time.monotonic() + timeout
    while lock.holder() is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
