#!/usr/bin/env python3
"""Stand-ins for images that cannot be pulled, under their official names and tags.

`images.py make IMAGE…` makes those that the engine does not have: the Python base from Debian's
packages (debootstrap), each server from the binary built for running without containers, and
RabbitMQ, PostgreSQL and Redis again from Debian's packages. They are labelled, and `images.py
remove` takes every one of them away again, so that no stand-in is ever mistaken for the real image
later. Only the standard library is used; needs root and an engine.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import parts
from parts import PARTS, Part
from servers import SERVERS, Server

LABEL = "io.belfry.standin"
SUITE = "bookworm"
PACKAGES = ("ca-certificates", "busybox-static", "python3", "python3-venv")
HERE = Path(__file__).parent
ZONES = "/usr/share/zoneinfo"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
HOST_CERTIFICATES = "/etc/ssl/certs/host-certificates.crt"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "belfry"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _run(*command: str | Path, stdin: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command run to its end, whatever its end."""
    with (stdin or Path(os.devnull)).open("rb") as file:
        return subprocess.run(command, stdin=file, capture_output=True, text=True, check=False)  # noqa: S603 -- no outside input


def _must(*command: str | Path, stdin: Path | None = None) -> str:
    """Standard output of a command that must succeed."""
    done = _run(*command, stdin=stdin)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed: {done.stdout[-800:]}{done.stderr[-800:]}")
    return done.stdout


class ImageTar:
    """A root file system being written, entry by entry."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def _add(self, path: str, kind: bytes, mode: int, owner: str = "0:0", link: str = "") -> None:
        info = tarfile.TarInfo(path.lstrip("/"))
        info.type, info.mode, info.linkname = kind, mode, link
        info.uid, info.gid = (int(part) for part in owner.split(":"))
        self._tar.addfile(info)

    def directory(self, path: str, mode: int = 0o755, owner: str = "0:0") -> None:
        """An empty directory."""
        self._add(path, tarfile.DIRTYPE, mode, owner)

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        self._add(path, tarfile.SYMTYPE, 0o777, link=target)

    def file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """A file of root's."""
        info = tarfile.TarInfo(path.lstrip("/"))
        info.size, info.mode = len(content), mode
        self._tar.addfile(info, io.BytesIO(content))

    def below(self, folder: str, other: tarfile.TarFile) -> None:
        """All that another root file system has below a folder."""
        for member in other:
            if member.name.startswith(f".{folder}/"):
                self._tar.addfile(member, other.extractfile(member) if member.isreg() else None)


def _base() -> Path:
    """A small Debian with Python."""
    return _debian("", PACKAGES)


def _debian(suffix: str, packages: tuple[str, ...]) -> Path:
    """The cached tar of a small Debian with these packages."""
    base = CACHE / "images" / f"debian-{SUITE}{suffix}.tar"
    if base.exists():
        return base
    _say(f"building a Debian {SUITE} with {', '.join(packages)} (a minute or two, once)")
    base.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "root"
        _must("debootstrap", "--variant=minbase", f"--include={','.join(packages)}", SUITE, root)
        # What packages made for users of Debian's numbers would be no image's.
        for leftovers in ("var/cache/apt/archives", "var/lib/apt/lists", "var/lib/rabbitmq"):
            shutil.rmtree(root / leftovers, ignore_errors=True)
        unfinished = base.with_suffix(".new")
        _must("tar", "-C", root, "--numeric-owner", "-cf", unfinished, ".")
        unfinished.rename(base)
    return base


def _from_base(path: str) -> bytes:
    with tarfile.open(_base()) as tar:
        member = tar.extractfile(f".{path}")
        if member is None:
            raise FileNotFoundError(path)
        return member.read()


def _libraries(binary: Path) -> Iterator[str]:
    """Shared libraries that a binary loads; none for a static one."""
    for line in _run("ldd", binary).stdout.splitlines():
        yield from (word for word in line.split() if word.startswith("/"))


def _write_server(image: ImageTar, server: Server, built: Path) -> None:
    image.directory("/tmp", 0o1777)  # noqa: S108 -- a path in the image
    image.file("/etc/passwd", b"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    image.file(CERTIFICATES, Path(CERTIFICATES).read_bytes())
    for directory in server.owned:
        image.directory(directory, 0o775, server.user)
    libraries: set[str] = set()
    for path, name in server.binaries.items():
        binary = built / name
        image.file(path, binary.read_bytes(), 0o755)
        libraries.update(_libraries(binary))
    for library in sorted(libraries):
        image.file(library, Path(library).read_bytes(), 0o755)
    if server.zones:
        with tarfile.open(_base()) as base:
            image.below(ZONES, base)
    if server.busybox:
        image.file("/bin/busybox", _from_base("/usr/bin/busybox"), 0o755)
        for applet in ("sh", "wget"):
            image.link(f"/bin/{applet}", "busybox")


@contextmanager
def _tar(start_from: Path | None = None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "image.tar"
        if start_from:
            shutil.copyfile(start_from, path)
        yield path


def _import(tar: Path, reference: str, *changes: str) -> None:
    options = [f"--change={change}" for change in (*changes, f"LABEL {LABEL}=true")]
    _must("docker", "import", *options, tar, reference)


def _make_server(reference: str, server: Server, version: str) -> None:
    built = CACHE / "bin" / f"{server.name}-{version}"
    if absent := [name for name in server.binaries.values() if not (built / name).exists()]:
        sys.exit(f"{reference}: {', '.join(absent)} not built in {built}: run `make servers`")
    changes = [
        f"ENTRYPOINT {json.dumps([server.entrypoint])}",
        f"CMD {json.dumps(server.command)}",
        f"USER {server.user}",
        f"WORKDIR {server.workdir}",
        *(f"ENV {name}={value}" for name, value in server.environment.items()),
        *([f"VOLUME {server.volume}"] if server.volume else []),
    ]
    with _tar() as path:
        with tarfile.open(path, "w") as tar:
            _write_server(ImageTar(tar), server, built)
        _import(path, reference, *changes)


def _make_python(reference: str) -> None:
    """Debian's own Python where the official image has its: /usr/local/bin."""
    with _tar(_base()) as path:
        with tarfile.open(path, "a") as tar:
            image = ImageTar(tar)
            for name in ("python", "python3"):
                image.link(f"./usr/local/bin/{name}", "/usr/bin/python3")
            # A build inside reaches the package registry over whatever this machine trusts.
            image.file(f".{HOST_CERTIFICATES}", Path(CERTIFICATES).read_bytes())
        trust = (f"ENV {name}={HOST_CERTIFICATES}" for name in ("SSL_CERT_FILE", "PIP_CERT"))
        _import(path, reference, 'CMD ["python3"]', *trust)


def _parts_base() -> str:
    """Reference of the image that the stand-ins of RabbitMQ, PostgreSQL and Redis are made of."""
    reference = f"belfry-standin-parts:{SUITE}"
    if _present(reference):
        return reference
    _import(_debian("-parts", parts.PACKAGES), reference)
    container = _must("docker", "create", reference, "true").strip()
    with _tar() as path:
        with tarfile.open(path, "w") as tar:
            _write_parts(ImageTar(tar))
        _must("docker", "cp", "--archive", "-", f"{container}:/", stdin=path)
    _must("docker", "commit", container, reference)
    _must("docker", "rm", container)
    return reference


def _write_parts(image: ImageTar) -> None:
    """What Debian's packages do otherwise than the official images."""
    for directory in parts.OWNED:
        image.directory(directory, 0o750, parts.USER)
    for name, text in parts.FILES.items():
        image.file(name, text.encode())
    for script in (HERE / "entrypoints").iterdir():
        image.file(f"/entrypoints/{script.name}", script.read_bytes(), 0o755)


def _make_part(reference: str, part: Part) -> None:
    changes = [
        f"ENTRYPOINT {json.dumps([f'/entrypoints/{part.entrypoint}'])}",
        f"CMD {json.dumps([part.command])}",
        f"USER {parts.USER}",
        f"VOLUME {part.volume}",
        *(f"ENV {name}={value}" for name, value in part.environment.items()),
    ]
    container = _must("docker", "create", _parts_base(), "true").strip()
    options = [f"--change={change}" for change in changes]
    _must("docker", "commit", *options, container, reference)
    _must("docker", "rm", container)


def _present(reference: str) -> bool:
    return _run("docker", "image", "inspect", reference).returncode == 0


def make(references: list[str]) -> None:
    """Make a stand-in for each image that the engine does not have."""
    for reference in references:
        if _present(reference):
            continue
        repository, _, tag = reference.partition(":")
        if repository == "python":
            _make_python(reference)
        elif server := SERVERS.get(repository):
            _make_server(reference, server, tag.removeprefix("v"))
        elif part := PARTS.get(repository):
            _make_part(reference, part)
        else:
            sys.exit(f"{reference}: no stand-in for this image")
        _say(f"stand-in: {reference}")


def remove() -> None:
    """Remove every stand-in, and what was built on one: it inherits the label."""
    ours = f"--filter=label={LABEL}"
    named = _must("docker", "images", ours, "--format={{.Repository}}:{{.Tag}}").split()
    if known := sorted(one for one in named if "<none>" not in one):
        # By name: an image that others are made of goes with the last of them.
        _must("docker", "rmi", "--force", *known)
    if nameless := sorted(set(_must("docker", "images", "--quiet", ours).split())):
        _must("docker", "rmi", "--force", *nameless)


def main(arguments: list[str]) -> None:
    """Command line."""
    match arguments:
        case ["make", *references] if references:
            make(references)
        case ["remove"]:
            remove()
        case _:
            sys.stderr.write(__doc__ or "")
            sys.exit(2)


if __name__ == "__main__":
    main(sys.argv[1:])
