"""What `make` and `.ci/compose` do when something was interrupted, is running, or is not there."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
#: Makes an environment whose commands all succeed.
MAKES_VENV = """#!/bin/sh
[ "$1 $2" = "-m venv" ] || exit 1
mkdir -p .venv/bin
for name in python uv; do printf '#!/bin/sh\\nexit 0\\n' >.venv/bin/$name; done
chmod +x .venv/bin/*
"""


def script(path: Path, text: str) -> Path:
    """A program of the test's own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the Makefile and what its set-up depends on."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "deploy/bootstrap.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def make(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `make` there to its end."""
    return subprocess.run(
        ["make", *arguments], cwd=project, capture_output=True, text=True, check=False, timeout=60
    )


def test_set_up_that_was_interrupted_before_pip_begins_anew(project: Path) -> None:
    """An interpreter alone is no environment."""
    script(project / ".venv" / "bin" / "python", "#!/bin/sh\nexit 1\n")
    python = script(project / "python", MAKES_VENV)

    done = make(project, "setup", f"PYTHON={python}")

    assert done.returncode == 0, done.stderr
    assert (project / ".venv" / ".ready").exists()


def test_clean_leaves_the_state_of_a_running_stack(project: Path) -> None:
    """Its data would be deleted under it; once it has stopped, all goes."""
    lock = project / ".belfry" / "supervisor.lock"
    lock.parent.mkdir()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused = make(project, "clean")
        assert refused.returncode != 0
        assert "make down" in refused.stderr
        assert lock.exists()

    assert make(project, "clean").returncode == 0
    assert not lock.parent.exists()


@pytest.mark.parametrize(("allowed", "code"), [("", 1), ("0", 1), ("1", 0)])
def test_containers_that_cannot_run_are_a_failure_unless_that_is_known(
    tmp_path: Path, allowed: str, code: int
) -> None:
    """Green without an engine only for who has said so, and loud in either case."""
    for name in (".ci/compose", "docker-compose.yml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    script(tmp_path / "deploy/standins/engine", "#!/bin/sh\necho no engine >&2\nexit 1\n")

    done = subprocess.run(
        ["bash", ".ci/compose"],
        cwd=tmp_path,
        env={**os.environ, "CI_WITHOUT_CONTAINERS": allowed},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == code, done.stderr
    assert "NOT COVERED" in done.stderr
