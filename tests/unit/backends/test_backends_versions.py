"""The version table and the pinned modules say the same."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from observability.backends import BACKENDS, Backend, versions

BUILDABLE = [backend for backend in BACKENDS.values() if backend.pinned.buildable]


def names(backends: list[Backend]) -> list[str]:
    return [backend.name for backend in backends]


def test_every_server_has_a_row_and_every_row_a_server() -> None:
    assert set(versions()) == set(BACKENDS)


@pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)
def test_the_pinned_version_is_one_that_is_accepted(backend: Backend) -> None:
    assert backend.pinned.fits(backend.version)


@pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)
def test_the_image_is_of_the_pinned_version(backend: Backend) -> None:
    assert backend.pinned.image.rsplit(":")[-1].removeprefix("v") == backend.version


@pytest.mark.parametrize("backend", BUILDABLE, ids=names(BUILDABLE))
def test_go_mod_pins_the_version_of_the_table_and_go_sum_its_content(backend: Backend) -> None:
    build, pinned = backend.folder / "build", backend.pinned
    required = rf"^\s*(require )?{re.escape(str(pinned.module))} {pinned.module_version}( |$)"
    assert re.search(required, (build / "go.mod").read_text(), re.MULTILINE)
    assert f"{pinned.module} {pinned.module_version} h1:" in (build / "go.sum").read_text()


@pytest.mark.parametrize(
    ("server", "version", "fits"),
    [
        ("prometheus", "3.13.0", True),
        ("prometheus", "3.14.2", True),
        ("prometheus", "3.12.9", False),
        ("prometheus", "4.0.0", False),
        ("grafana", "13.1.4", True),
        ("grafana", "13.2.0", False),
        ("loki", "main-abc", False),
    ],
)
def test_a_version_fits_from_the_pinned_minor_up_to_the_next_incompatible_one(
    server: str, version: str, fits: bool
) -> None:
    assert versions()[server].fits(version) is fits


def test_a_row_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "versions.toml"
    table.write_text(
        '[x]\nversion = "1.0.0"\naccepts = ">=1"\npath_names = ["x"]\n'
        'image = "x:1.0.0"\nlicence = "MIT"\nverison = "1"\n'
    )
    with pytest.raises(ValidationError, match="verison"):
        versions(table)


def test_a_package_without_the_name_of_its_executable_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "versions.toml"
    table.write_text(
        '[x]\nversion = "1.0.0"\naccepts = ">=1"\npath_names = ["x"]\n'
        'image = "x:1.0.0"\nlicence = "MIT"\npackages = ["x/cmd"]\n'
    )
    with pytest.raises(ValidationError, match="pair up"):
        versions(table)
