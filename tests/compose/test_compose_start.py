"""The file itself, by the program that reads it, and what a first start leaves behind."""

import os
import subprocess

from tests.compose.conftest import ROOT, Containers

_HASHES = """
import hashlib, pathlib
for path in sorted(pathlib.Path("/run/belfry").iterdir()):
    print(oct(path.stat().st_mode & 0o777), hashlib.sha256(path.read_bytes()).hexdigest())
"""


def test_the_file_is_clean() -> None:
    """`docker compose config` has nothing to warn of, with no variable set at all."""
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        ["docker", "compose", "config", "--quiet"],
        cwd=ROOT,
        env=bare,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_second_start_keeps_the_secrets(stack: Containers) -> None:
    """`init` makes what is missing and touches nothing else; others may not read it."""
    look = ("exec", "-T", "account", "python", "-c", _HASHES)
    before = stack.compose(*look)
    stack.compose("run", "--rm", "--no-deps", "init")

    assert stack.compose(*look) == before
    assert before.startswith("0o440 ")


def test_no_secret_shows_in_a_container_s_settings(stack: Containers) -> None:
    """Whoever may list containers learns where a secret is, not what it is."""
    key = stack.compose("exec", "-T", "account", "cat", "/run/belfry/token_key").strip()
    assert len(key) >= 32
    for container in stack.containers():
        assert key not in str(stack.inspect(container["ID"])), container["Service"]


def test_faults_are_set_from_beside_the_console(stack: Containers) -> None:
    """`docker compose exec console belfry fault set …` reaches the file that services watch."""
    stack.command("fault", "set", "catalog.latency_ms=1")
    read = ("exec", "-T", "catalog", "cat", "/var/lib/belfry/state/flags.json")
    assert '"defaultVariant": "on"' in stack.compose(*read)
    stack.command("fault", "clear")
    assert '"defaultVariant": "on"' not in stack.compose(*read)
