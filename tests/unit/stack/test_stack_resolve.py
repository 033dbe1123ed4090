"""Where a server's executable is taken from."""

from pathlib import Path

import pytest

from observability.backends import BACKENDS
from observability.exits import UsageError
from observability.stack.resolve import STAMP, folder, resolve, seal, version_of

PROMETHEUS = BACKENDS["prometheus"]


def executable(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{says}\nEND\n")
    path.chmod(0o755)
    return path


def environ(*folders: Path) -> dict[str, str]:
    return {"PATH": ":".join(map(str, folders))}


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    cache = tmp_path / "cache"
    place = folder(PROMETHEUS, cache)
    for binary in PROMETHEUS.binaries:
        executable(place / binary, "built")
    seal(PROMETHEUS, place)
    return cache


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ("prometheus, version 3.13.0 (branch: HEAD, revision: abc)", "3.13.0"),
        ("loki, version 3.7.8 (branch: , revision: unknown)", "3.7.8"),
        ("jaeger version 2.13.0", "2.13.0"),
        ("otelcol-contrib version 0.140.1", "0.140.1"),
        ("grafana version 13.1.2", "13.1.2"),
        ("some other program", None),
    ],
)
def test_a_server_tells_its_version(tmp_path: Path, says: str, version: str | None) -> None:
    assert version_of(executable(tmp_path / "server", says)) == version


def test_a_fitting_one_on_path_is_taken_before_the_cache(tmp_path: Path, cached: Path) -> None:
    on_path = executable(tmp_path / "bin" / "prometheus", "prometheus, version 3.14.1 (x)")
    found = resolve(PROMETHEUS, cached, environ=environ(on_path.parent))
    assert found is not None
    assert (found.path, found.version, found.source) == (on_path, "3.14.1", "path")


def test_a_wrong_version_on_path_is_one_clear_line_that_says_what_to_do(
    tmp_path: Path, cached: Path
) -> None:
    """Even when one is cached: to pass it over in silence would surprise who put it there."""
    on_path = executable(tmp_path / "bin" / "prometheus", "prometheus, version 2.45.0 (x)")
    with pytest.raises(UsageError) as raised:
        resolve(PROMETHEUS, cached, environ=environ(on_path.parent))
    message = str(raised.value)
    assert "\n" not in message
    assert f"{on_path} is version 2.45.0" in message
    assert ">=3.13,<4" in message
    assert "BELFRY_IGNORE_PATH" in message


def test_another_program_of_the_same_name_is_told_apart(tmp_path: Path) -> None:
    on_path = executable(tmp_path / "bin" / "prometheus", "a film database")
    with pytest.raises(UsageError, match="does not tell its version"):
        resolve(PROMETHEUS, tmp_path, environ=environ(on_path.parent))


def test_path_can_be_ignored(tmp_path: Path, cached: Path) -> None:
    on_path = executable(tmp_path / "bin" / "prometheus", "prometheus, version 2.45.0 (x)")
    found = resolve(PROMETHEUS, cached, use_path=False, environ=environ(on_path.parent))
    assert found is not None
    assert (found.path.name, found.version, found.source) == ("prometheus", "3.13.0", "cache")


def test_what_is_neither_on_path_nor_cached_is_not_there(tmp_path: Path) -> None:
    assert resolve(PROMETHEUS, tmp_path, environ=environ(tmp_path)) is None
    assert resolve(BACKENDS["grafana"], tmp_path, environ=environ(tmp_path)) is None


def test_a_half_installed_server_is_not_there(tmp_path: Path, cached: Path) -> None:
    (folder(PROMETHEUS, cached) / "promtool").unlink()
    assert resolve(PROMETHEUS, cached, environ=environ(tmp_path)) is None


def test_an_executable_cut_short_is_not_there(tmp_path: Path, cached: Path) -> None:
    binary = folder(PROMETHEUS, cached) / "prometheus"
    binary.write_bytes(binary.read_bytes()[:-1])
    assert resolve(PROMETHEUS, cached, environ=environ(tmp_path)) is None


def test_a_server_built_from_another_recipe_is_stale(tmp_path: Path, cached: Path) -> None:
    (folder(PROMETHEUS, cached) / STAMP).write_text("another")
    assert resolve(PROMETHEUS, cached, environ=environ(tmp_path)) is None
