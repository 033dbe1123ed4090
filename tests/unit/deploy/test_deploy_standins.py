"""Stand-ins look from outside like the images that docker-compose.yml is written for."""

import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

from observability.backends.versions import versions

ROOT = Path(__file__).parents[3]
STANDINS: dict[str, Any] = runpy.run_path(str(ROOT / "deploy/standins/servers.py"))["SERVERS"]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())[
    "services"
]
BUILT = sorted(name for name, row in versions().items() if row.buildable)


@pytest.mark.parametrize("name", BUILT)
def test_each_server_that_is_built_has_a_stand_in(name: str) -> None:
    """Of the official repository, made of the executables that the build leaves in the cache."""
    row = versions()[name]
    standin = STANDINS[row.image.partition(":")[0]]
    assert standin.name == name
    assert set(standin.binaries.values()) == set(row.binaries)


@pytest.mark.parametrize("name", BUILT)
def test_containers_run_as_the_user_of_the_image(name: str) -> None:
    """So the folders of the image, and volumes that start as their copy, are its own."""
    standin = STANDINS[versions()[name].image.partition(":")[0]]
    assert SERVICES[name]["user"].split(":")[0] == standin.user.split(":")[0]


@pytest.mark.parametrize("name", BUILT)
def test_health_checks_use_programs_that_the_image_has(name: str) -> None:
    """A check by wget wants an image with a shell and its tools; others ask their own binary."""
    standin = STANDINS[versions()[name].image.partition(":")[0]]
    program = SERVICES[name].get("healthcheck", {}).get("test", [None, None])[1]
    assert program is None or program in standin.binaries or (program == "wget" and standin.busybox)
