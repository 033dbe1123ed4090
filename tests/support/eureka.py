"""A real Eureka server for a test, built once from its published parts."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.support.required import required

_SOURCE = Path(__file__).parents[2] / "deploy" / "eureka"
_READY_WITHIN_SECONDS = 90.0
#: For a test a lease that has run out is noticed soon.
_OPTIONS = (
    "--server.address=127.0.0.1",
    "--eureka.server.eviction-interval-timer-in-ms=1000",
)


def _built(java: Path, maven: Path) -> Path:
    """The server's jar from the cache; built there first if there is none."""
    newest = max(path.stat().st_mtime for path in _SOURCE.rglob("*") if path.is_file())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "belfry" / "eureka"
    jar = home / "target" / "eureka.jar"
    if jar.exists() and jar.stat().st_mtime > newest:
        return jar
    shutil.copytree(_SOURCE, home, dirs_exist_ok=True)
    subprocess.run([maven, "-q", "-B", "package"], cwd=home, check=True, timeout=600)
    jar.touch()
    return jar


@contextlib.contextmanager
def running(port: int) -> Iterator[str]:
    """A server on that port; its `eureka://` URL."""
    java, maven = required("java"), required("mvn")
    jar = _built(java, maven)
    process = subprocess.Popen(
        [java, "-Xmx192m", "-jar", jar, f"--server.port={port}", *_OPTIONS],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/eureka/apps", process)
        yield f"eureka://127.0.0.1:{port}/eureka"
    finally:
        process.kill()
        process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_WITHIN_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, trust_env=False).is_success:
                return
        time.sleep(0.2)
    raise RuntimeError("Eureka did not start")
