"""Finds each server's executable: on PATH if its version fits, else among those built before."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from observability.backends import Backend
from observability.exits import UsageError

#: Written beside a built server last of all: what it was built from.
STAMP: Final = "built-from"
#: How long each executable is: one that a full disk or a crash has cut short is built anew.
_SIZES: Final = "sizes"

_VERSION: Final = re.compile(r"version[ :=\"]+v?(\d+\.\d+\.\d+[\w.+-]*)", re.IGNORECASE)
_ASK_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Resolved:
    """An executable that can be started."""

    path: Path
    version: str
    source: Literal["path", "cache"]


def resolve(
    backend: Backend,
    cache_dir: Path,
    *,
    use_path: bool = True,
    environ: Mapping[str, str] = os.environ,
) -> Resolved | None:
    """Find a server.

    Args:
        backend: which.
        cache_dir: the user's cache, in which built servers lie.
        use_path: whether to look on PATH at all.
        environ: for PATH.

    Returns:
        None if there is none yet: `build` it, if it is `buildable`.

    Raises:
        UsageError: the one on PATH has another version than our configuration is written for. It is
            not passed over in silence: who installed it expects it to be used.
    """
    found = _on_path(backend, environ) if use_path else None
    return found or _in_cache(backend, cache_dir)


def folder(backend: Backend, cache_dir: Path) -> Path:
    """Where a built server and its companions lie."""
    return cache_dir / "bin" / f"{backend.name}-{backend.version}"


def seal(backend: Backend, place: Path) -> None:
    """Say of a folder that all executables of a build lie in it, whole; say it last of all."""
    sizes = {binary: (place / binary).stat().st_size for binary in backend.binaries}
    for name, text in ((_SIZES, json.dumps(sizes)), (STAMP, recipe(backend))):
        new = place / f".{name}.new"
        new.write_text(text, encoding="ascii")
        new.replace(place / name)


def recipe(backend: Backend) -> str:
    """Digest of all that a build depends on: another one means that the built server is stale."""
    pinned = backend.pinned
    digest = hashlib.sha256()
    for source in sorted((backend.folder / "build").iterdir()):
        digest.update(source.name.encode() + source.read_bytes())
    digest.update(repr((pinned.version, pinned.packages, pinned.tags)).encode())
    return digest.hexdigest()


def version_of(executable: Path) -> str | None:
    """What an executable says that its version is, None if it does not."""
    try:
        answer = subprocess.run(  # noqa: S603 -- the user's own PATH names it
            [str(executable), "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(answer.stdout.decode(errors="replace"))
    return match[1] if match else None


def _on_path(backend: Backend, environ: Mapping[str, str]) -> Resolved | None:
    for name in backend.pinned.path_names:
        found = shutil.which(name, path=environ.get("PATH"))
        if found is None:
            continue
        version = version_of(Path(found))
        if version is None:
            problem = "does not tell its version"
        elif not backend.pinned.fits(version):
            problem = f"is version {version}"
        else:
            return Resolved(Path(found), version, "path")
        raise UsageError(
            f"{found} {problem}, but {backend.title} {backend.pinned.accepts} is needed: "
            "take it off PATH, or set BELFRY_IGNORE_PATH=true to run our own build"
        )
    return None


def _in_cache(backend: Backend, cache_dir: Path) -> Resolved | None:
    if not backend.pinned.buildable:
        return None
    built = folder(backend, cache_dir)
    if not _is_whole(backend, built):
        return None
    return Resolved(built / backend.binaries[0], backend.version, "cache")


def _is_whole(backend: Backend, built: Path) -> bool:
    try:
        sizes = json.loads((built / _SIZES).read_text(encoding="ascii"))
        whole = all((built / one).stat().st_size == sizes.get(one) for one in backend.binaries)
        return whole and (built / STAMP).read_text(encoding="ascii") == recipe(backend)
    except (OSError, ValueError):
        return False
