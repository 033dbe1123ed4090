"""Builds a server from its pinned Go module into the user's cache.

A build that is interrupted leaves nothing half done: Go keeps what it has compiled, and goes on
from there the next time; the executables move to their place when they are whole.
"""

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from observability.backends import BACKENDS, Backend
from observability.exits import DOES_NOT_HOLD, HOLDS, WRONG_USE, UsageError
from observability.settings import load_settings
from observability.stack import toolchain
from observability.stack.compiler import BuildError, Compiler, is_package
from observability.stack.progress import Phase, Progress
from observability.stack.resolve import STAMP, Resolved, folder, resolve, seal

__all__ = ["BuildError", "OnProgress", "build", "main"]

OnProgress = Callable[[Progress], None]
_TICK_SECONDS = 1.0


async def build(
    backend: Backend,
    cache_dir: Path,
    on_progress: OnProgress = lambda _: None,
    marks: Mapping[str, str] = MappingProxyType({}),
) -> Resolved:
    """Build a server unless it is built already.

    Cancelling ends the compiler; the next call goes on where this one was. Two builds of the same
    server take turns, be they of different processes.

    Args:
        backend: which; it must be `buildable`.
        cache_dir: the user's cache.
        on_progress: called now and then, and every second in between, from the event loop.
        marks: variables for the compiler, and for what it starts, to be known by.

    Raises:
        BuildError: says why and what to do.
    """
    report = _Report(backend, on_progress)
    ticking = asyncio.create_task(report.tick())
    try:
        async with _turn(backend, cache_dir, report):
            found = resolve(backend, cache_dir, use_path=False)
            return found or await _build(backend, cache_dir, report, marks)
    except toolchain.ToolchainError as error:
        raise BuildError(f"{backend.title} cannot be built: {error}") from None
    except OSError as error:
        raise BuildError(
            f"{backend.title} cannot be built into {cache_dir} ({error.strerror}): "
            "make room or make it writable, or set BELFRY_CACHE_DIR to another folder"
        ) from error
    finally:
        ticking.cancel()


class _Report:
    """Tells how far a build has come; the time goes on while a long package is compiled."""

    def __init__(self, backend: Backend, on_progress: OnProgress) -> None:
        self._backend = backend
        self._on_progress = on_progress
        self._began = time.monotonic()
        self._last: tuple[Phase, int, int] | None = None

    def __call__(self, phase: Phase, done: int = 0, total: int = 0) -> None:
        self._last = (phase, done, total)
        self._tell()

    async def tick(self) -> None:
        """Tell the same again every second, until cancelled."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self._tell()

    def _tell(self) -> None:
        if self._last:
            elapsed = time.monotonic() - self._began
            estimate = float(self._backend.pinned.build_seconds)
            self._on_progress(Progress(self._backend.name, *self._last, elapsed, estimate))


@contextlib.asynccontextmanager
async def _turn(backend: Backend, cache_dir: Path, report: _Report) -> AsyncIterator[None]:
    """Hold the lock of this server's build; the kernel frees it however we end."""
    locks = cache_dir / "bin"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / f".{backend.name}.lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                report("wait")
                await asyncio.sleep(0.5)
        yield


async def _build(
    backend: Backend, cache_dir: Path, report: _Report, marks: Mapping[str, str]
) -> Resolved:
    module = backend.folder / "build"
    go = await toolchain.find_go(
        toolchain.required_version(module / "go.mod"), cache_dir, lambda: report("toolchain")
    )
    run = Compiler(backend, go, module, marks)
    stale = await _stale_packages(run, report)
    with tempfile.TemporaryDirectory(dir=cache_dir / "bin", prefix=f".{backend.name}.") as new:
        await _compile(run, Path(new), stale, report)
        _install(backend, Path(new), folder(backend, cache_dir))
    found = resolve(backend, cache_dir, use_path=False)
    if found is None:
        raise BuildError(
            f"{backend.title} was built, but its executables are not there: build again"
        )
    return found


async def _stale_packages(run: Compiler, report: _Report) -> int:
    """Download what is missing, and count what is to be compiled."""
    report("download")
    count = 0
    modules = 0
    form = "{{if .Stale}}{{.ImportPath}}{{end}}"
    arguments = ("list", "-deps", "-f", form, *run.flags, *run.packages)
    async with contextlib.aclosing(run.lines(*arguments)) as lines:
        async for line in lines:
            if line.startswith("go: downloading"):
                modules += 1
                report("download", modules)
            elif is_package(line):
                count += 1
    # the commands themselves always count as stale: they are linked, whatever is compiled
    return max(count - len(run.packages), 0)


async def _compile(run: Compiler, into: Path, total: int, report: _Report) -> None:
    report("compile" if total else "link", 0, total)
    done = 0
    arguments = ("build", "-v", "-o", f"{into}{os.sep}", *run.flags, *run.packages)
    async with contextlib.aclosing(run.lines(*arguments)) as lines:
        async for line in lines:
            if is_package(line):
                done = min(done + 1, total)
                report("compile" if done < total else "link", done, total)


def _install(backend: Backend, new: Path, place: Path) -> None:
    """Move the executables to their place; the stamp, last, says that they are whole."""
    place.mkdir(parents=True, exist_ok=True)
    (place / STAMP).unlink(missing_ok=True)
    for binary in backend.binaries:
        (new / binary).replace(place / binary)
    seal(backend, place)


class _Printer:
    """Tells a person, or a program by one JSON object a line, how far the builds have come."""

    def __init__(self, *, as_json: bool) -> None:
        self._json = as_json
        self._terminal = sys.stderr.isatty() and not as_json
        self._last = ("", 0.0)

    def progress(self, progress: Progress) -> None:
        """Show it; on paper only now and then."""
        phase, shown = self._last
        patience = 0.2 if self._terminal else 10.0
        if progress.phase == phase and progress.elapsed - shown < patience:
            return
        self._last = (progress.phase, progress.elapsed)
        if self._json:
            self.line(json.dumps(progress.as_json()))
        elif self._terminal:
            sys.stderr.write(f"\r\x1b[K{progress.name}: {progress.text}")
            sys.stderr.flush()
        else:
            self.line(f"{progress.name}: {progress.text}")

    def outcome(self, name: str, text: str, **fields: object) -> None:
        """Show how a build ended."""
        self._last = ("", 0.0)
        if self._terminal:
            sys.stderr.write("\r\x1b[K")
        self.line(json.dumps({"name": name, **fields}) if self._json else f"{name}: {text}")

    def line(self, text: str) -> None:
        """Write a line where this kind of reader looks."""
        stream = sys.stdout if self._json else sys.stderr
        stream.write(text + "\n")
        stream.flush()


async def _build_all(
    names: list[str], cache_dir: Path, printer: _Printer, *, use_path: bool
) -> int:
    code = HOLDS
    for name in names:
        backend = BACKENDS[name]
        try:
            found = resolve(backend, cache_dir, use_path=use_path)
            found = found or await build(backend, cache_dir, printer.progress)
        except BuildError as error:
            for line in error.output:
                printer.outcome(name, line, output=line)
            printer.outcome(name, str(error), phase="failed", error=str(error))
            code = DOES_NOT_HOLD
        else:
            ready = f"{found.version} at {found.path}"
            printer.outcome(name, ready, phase="ready", version=found.version, path=str(found.path))
    return code


def main(arguments: list[str] | None = None) -> int:
    """Build servers ahead of time: `python -m observability.stack.build [--json] [NAME…]`."""
    buildable = [name for name, backend in BACKENDS.items() if backend.pinned.buildable]
    parser = argparse.ArgumentParser(
        prog="python -m observability.stack.build", description=main.__doc__
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(buildable)}; all")
    parser.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    parser.add_argument("--no-path", action="store_true", help="build even what PATH has")
    parser.add_argument("--cache-dir", type=Path, help="where to; else as BELFRY_CACHE_DIR says")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(buildable):
        parser.error(f"nothing to build for {', '.join(sorted(unknown))}: {', '.join(buildable)}")
    printer = _Printer(as_json=options.json)
    names = [name for name in buildable if not options.names or name in options.names]
    try:
        cache_dir = options.cache_dir or load_settings().cache_dir
        work = _build_all(names, cache_dir.absolute(), printer, use_path=not options.no_path)
        return asyncio.run(work)
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return WRONG_USE
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; the next build goes on from here\n")
        return 128 + 2


if __name__ == "__main__":
    sys.exit(main())
