"""What profiles and the further file add: registries, Traefik, and the real parts."""

import re
import runpy
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.kit.settings import ShopSettings

ROOT = Path(__file__).parents[3]
MAIN = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
REAL_PARTS = yaml.safe_load((ROOT / "deploy/compose/real-parts.yml").read_text())
SHOP = sorted(tomllib.loads((ROOT / "belfry.toml").read_text())["services"])
INIT: dict[str, Any] = runpy.run_path(str(ROOT / "deploy/image/belfry-init"))
REGISTRIES = sorted(path.name for path in (ROOT / "deploy/compose/registry").iterdir())


def _compose(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`docker compose … config` with no variable set but these."""
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run(
            [docker, "compose", "version"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("docker compose is not installed; `make compose` runs with it")
    return subprocess.run(
        [docker, "compose", *arguments, "config", "--quiet"],
        cwd=ROOT,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(Path.home()), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("profiles", "registry"),
    [("", "none"), ("discovery", "consul"), ("consul,edge", "consul"), ("eureka", "eureka")],
)
@pytest.mark.parametrize("real_parts", [False, True])
def test_every_combination_is_clean(profiles: str, registry: str, real_parts: bool) -> None:
    """The program that reads the files has nothing to warn of, whatever is chosen."""
    files = ["docker-compose.yml", *(["deploy/compose/real-parts.yml"] if real_parts else [])]
    options = [word for file in files for word in ("--file", file)]
    done = _compose(*options, COMPOSE_PROFILES=profiles, SHOP_REGISTRY=registry)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("profile", "code"), [("demo", 0), ("production", 0), ("prodction", 1)])
def test_a_profile_of_rules_is_chosen_by_the_native_setting(profile: str, code: int) -> None:
    """One that does not exist is refused rather than started without rules."""
    assert min(_compose(BELFRY_PROFILE=profile).returncode, 1) == code


def test_a_registry_that_is_not_known_is_refused() -> None:
    """Rather than started without one."""
    done = _compose(SHOP_REGISTRY="zookeeper")
    assert done.returncode != 0
    assert "registry/zookeeper" in done.stderr


@pytest.mark.parametrize("registry", REGISTRIES)
def test_a_registry_is_where_its_file_says(
    registry: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The shop is given the address of the container, on the port that is published too."""
    lines = (ROOT / "deploy/compose/registry" / registry / "shop.env").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SHOP_DATA_DIR", str(tmp_path))
    url = ShopSettings().registry
    if registry == "none":
        assert url is None
        return
    match = re.match(rf"{registry}://{registry}:(\d+)", url or "")
    assert match
    assert MAIN["services"][registry]["ports"][0].endswith(f":{match[1]}")


@pytest.mark.parametrize("name", SHOP)
def test_each_service_reads_the_registry_s_file_and_says_where_it_is(name: str) -> None:
    """By its name; a replica by its own address, which it fills in itself."""
    one = MAIN["services"][name]
    assert one["env_file"] == ["deploy/compose/registry/${SHOP_REGISTRY:-none}/shop.env"]
    port = one["command"][1].removeprefix("--port=")
    host = "{address}" if name == "worker" else name
    assert one["environment"]["SHOP_ADVERTISE_URL"] == f"http://{host}:{port}"


@pytest.mark.parametrize("name", ["consul", "eureka", "edge", "docker-socket"])
def test_what_a_profile_adds_stays_out_without_it(name: str) -> None:
    """`docker compose up` alone starts none of it, and waits for none of it."""
    assert MAIN["services"][name]["profiles"]
    for other in MAIN["services"].values():
        if not other.get("profiles"):
            assert name not in other.get("depends_on", {})


def test_only_the_edge_reaches_the_engine_and_only_to_read() -> None:
    """The socket is mounted once, read-only, behind a filter on a network without a way out."""
    holders = {n for n, one in MAIN["services"].items() if "docker.sock" in str(one.get("volumes"))}
    members = {
        n for n, one in MAIN["services"].items() if "docker-socket" in str(one.get("networks"))
    }
    proxy = MAIN["services"]["docker-socket"]

    assert holders == {"docker-socket"}
    assert members == {"docker-socket", "edge"}
    assert MAIN["networks"]["docker-socket"]["internal"] is True
    assert "ports" not in proxy
    allowed = {name for name, value in proxy["environment"].items() if value == "1"}
    assert allowed == {"CONTAINERS", "EVENTS", "PING", "VERSION"}
    assert proxy["environment"]["POST"] == "0"


def test_the_edge_routes_to_the_gateway_and_shows_nothing_else() -> None:
    """By labels of the gateway, to the port it serves; API and dashboard are off."""
    edge, gateway = MAIN["services"]["edge"], MAIN["services"]["gateway"]
    labelled = {
        name for name, one in MAIN["services"].items() if "traefik" in str(one.get("labels"))
    }

    assert labelled == {"gateway"}
    port = gateway["labels"]["traefik.http.services.shop.loadbalancer.server.port"]
    assert f"--port={port}" in gateway["command"]
    assert "--api=false" in edge["command"]
    assert "--providers.docker.exposedbydefault=false" in edge["command"]
    assert [port.rpartition(":")[2] for port in edge["ports"]] == ["8000"]


def test_the_edge_is_seen_like_the_rest() -> None:
    """One name in metrics and traces, of the version that the image has."""
    edge = MAIN["services"]["edge"]
    own = dict(
        pair.split("=") for pair in edge["environment"]["OTEL_RESOURCE_ATTRIBUTES"].split(",")
    )
    optional = yaml.safe_load((ROOT / "deploy/compose/scrape.d/optional.yml").read_text())
    rules = optional["scrape_configs"][0]["relabel_configs"]
    named = next(rule for rule in rules if rule.get("regex") == "edge")

    assert "--tracing.servicename=traefik" in edge["command"]
    assert named["replacement"] == "traefik"
    assert own["service.instance.id"] == "traefik-1"
    assert edge["image"] == f"traefik:v{own['service.version']}"


@pytest.mark.parametrize("name", sorted(REAL_PARTS["services"].keys() & set(SHOP)))
def test_each_service_is_given_its_own_credentials_only(name: str) -> None:
    """A volume of its own with the URLs it may use, each of which `init` makes there."""
    one = REAL_PARTS["services"][name]
    made = {
        "database_url": name in INIT["WITH_DATABASE"],
        "queue_url": name in INIT["WITH_QUEUE"],
        "redis_url": name in INIT["WITH_CACHE"],
    }
    assert one["volumes"] == [f"parts-{name}:/run/parts:ro"]
    assert one["environment"] == {
        f"SHOP_{name.upper()}_{file.upper()}_FILE": f"/run/parts/{file}"
        for file, wanted in made.items()
        if wanted
    }


def test_init_makes_the_files_and_keeps_them(tmp_path: Path) -> None:
    """What a server knows is what the URL says; a second run changes nothing."""
    for volume in REAL_PARTS["services"]["init"]["volumes"]:
        (tmp_path / volume.rpartition("/")[2]).mkdir()
    INIT["_make_parts"](tmp_path)
    first = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    INIT["_make_parts"](tmp_path)

    assert {path: path.read_text() for path in first} == first
    assert {path.stat().st_mode & 0o777 for path in first} == {0o440}
    password = first[tmp_path / "postgres" / "cart"]
    assert first[tmp_path / "cart" / "database_url"] == (
        f"postgresql+asyncpg://cart:{password}@postgres:5432/cart"
    )
    assert len({first[tmp_path / "postgres" / name] for name in INIT["WITH_DATABASE"]}) == 6
    mounted = {volume.split("/")[-1] for volume in REAL_PARTS["services"]["init"]["volumes"]}
    assert mounted == {path.parent.name for path in first}
    image = (ROOT / "deploy/Dockerfile").read_text()
    folders = re.search(r"for part in (.*); do", image)
    assert folders
    assert set(folders[1].split()) == mounted
