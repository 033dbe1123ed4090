"""docker-compose.yml as a file: versions of the one table, and every container contained."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from observability.alerting.receivers.settings import Mail, load_notify
from observability.backends.versions import versions
from observability.settings import DEFAULT_PORTS, Settings

ROOT = Path(__file__).parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
REAL_PARTS = yaml.safe_load((ROOT / "deploy/compose/real-parts.yml").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NATIVE = tomllib.loads((ROOT / "belfry.toml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"] | {
    name: one for name, one in REAL_PARTS["services"].items() if name not in COMPOSE["services"]
}
VOLUMES = {*COMPOSE["volumes"], *REAL_PARTS["volumes"]}
PYTHON = {name for name, one in SERVICES.items() if one["image"].startswith("belfry:")}
#: Images without a shell or any program that could ask for readiness.
MUTE = {"collector"}
#: The engine's socket belongs to root; test_deploy_profiles.py holds who reaches it.
ROOT_WITHOUT_CAPABILITIES = {"docker-socket"}
#: Its versions have two parts.
TWO_PARTS = {"postgres"}

each = pytest.mark.parametrize("name", sorted(SERVICES))


@pytest.mark.parametrize("name", sorted(versions()))
def test_each_backend_is_the_image_of_the_version_table(name: str) -> None:
    """Native and containers run the same version."""
    assert SERVICES[name]["image"] == versions()[name].image


@each
def test_each_image_is_pinned_to_a_full_version(name: str) -> None:
    """No `latest`, no moving tag."""
    version = r"\d+\.\d+" if name in TWO_PARTS else r"v?\d+\.\d+\.\d+"
    assert re.fullmatch(rf"[\w./-]+:{version}", SERVICES[name]["image"])


def test_our_own_images_have_the_version_of_the_project() -> None:
    """As do the services in their telemetry: one number, in pyproject.toml."""
    version = PROJECT["version"]
    for name, one in SERVICES.items():
        if one["image"].startswith("belfry"):
            assert one["image"].endswith(f":{version}"), name
    own = [
        attributes["service.version"] for name, attributes in _instances().items() if name in PYTHON
    ]
    assert set(own) == {version}


@each
def test_each_container_is_contained(name: str) -> None:
    """Read-only, no capability, no new privilege, bounded in memory, CPU, processes and logs."""
    one = SERVICES[name]
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert "cap_add" not in one
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert not one.get("privileged")
    assert one["mem_limit"]
    assert one["cpus"]
    assert one["pids_limit"]
    assert one["logging"]["options"].keys() >= {"max-size", "max-file"}


@each
def test_each_container_runs_as_a_numbered_user_other_than_root(name: str) -> None:
    """Of the image for ours, said here for the others."""
    if name in PYTHON:
        user = re.findall(r"^USER (\S+)$", (ROOT / "deploy/Dockerfile").read_text(), re.M)[-1]
    else:
        user = SERVICES[name]["user"]
    if name not in ROOT_WITHOUT_CAPABILITIES:
        assert re.fullmatch(r"[1-9]\d*(:\d+)?", user)


@each
def test_each_port_is_published_on_loopback_and_settable(name: str) -> None:
    """By the variable and with the default of the native stack."""
    for port in SERVICES[name].get("ports", []):
        match = re.fullmatch(r"127\.0\.0\.1:\$\{BELFRY_PORT_(\w+):-(\d+)\}:\d+", port)
        assert match, port
        assert DEFAULT_PORTS[match[1].lower()] == int(match[2])


@each
def test_each_container_that_can_says_whether_it_is_ready(name: str) -> None:
    """A health check, except where the image has no program to run, and for `init`, which ends."""
    if name not in MUTE | {"init"}:
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@each
def test_each_file_of_the_project_is_mounted_read_only(name: str) -> None:
    """No container writes into the checkout, and each mounted path is there."""
    for volume in SERVICES[name].get("volumes", []):
        source, _, options = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", volume).partition(":")
        if source.startswith(("./", "/")):
            assert options.endswith(":ro"), volume
        if source.startswith("./"):
            assert (ROOT / source).exists(), f"{source} would be made as an empty folder"
        elif not source.startswith("/"):
            assert source in VOLUMES, volume


@each
def test_no_secret_is_in_the_file(name: str) -> None:
    """Secrets come as files of a volume, never as values."""
    for variable, value in (SERVICES[name].get("environment") or {}).items():
        if re.search(r"(KEY|PASSWORD|SECRET|TOKEN)$", variable):
            assert str(value).startswith("$$__file{/run/belfry/"), variable
        if re.search(r"(KEY|PASSWORD|SECRET|TOKEN)_+FILE$", variable):
            assert str(value).startswith(("/run/belfry/", "/run/parts/")), variable


@pytest.mark.parametrize("name", sorted(NATIVE["services"]))
def test_each_service_runs_as_belfry_toml_says(name: str) -> None:
    """The same application on the same port, and no service is left out."""
    one = NATIVE["services"][name]
    assert SERVICES[name]["command"] == [one["app"], f"--port={one['port']}"]
    assert one.get("needs", []) == [] or set(one["needs"]) <= {*SERVICES[name]["depends_on"]}


@pytest.mark.parametrize("variable", sorted(NATIVE["env"]))
def test_each_service_is_given_what_belfry_toml_gives(variable: str) -> None:
    """Addresses and files by the same variables."""
    for name in NATIVE["services"]:
        assert variable in SERVICES[name]["environment"], name


def test_the_console_reaches_every_backend_and_links_to_what_is_published() -> None:
    """Inside by the container's name and port, outside by the published one."""
    given = SERVICES["console"]["environment"]
    for name in ("prometheus", "alertmanager", "loki", "jaeger", "collector", "grafana", "gateway"):
        assert given[f"BELFRY_URL_{name.upper()}"] == f"http://{name}:{DEFAULT_PORTS[name]}"
    for name in ("console", "prometheus", "alertmanager", "grafana", "gateway"):
        variable = f"BELFRY_PORT_{name.upper()}"
        assert given[f"BELFRY_PUBLIC_URL_{name.upper()}"] == (
            f"http://127.0.0.1:${{{variable}:-{DEFAULT_PORTS[name]}}}"
        )


def test_the_console_s_commands_keep_their_audit_trail_where_it_is_verified() -> None:
    """On its own volume: its root file system is read-only."""
    given = SERVICES["console"]["environment"]
    settings = Settings(state_dir=Path(given["BELFRY_STATE_DIR"]))
    assert given["BELFRY_AUDIT_DIR"] == str(settings.audit_dir)


def _instances() -> dict[str, dict[str, str]]:
    """Resource attributes that each service is given."""
    given: dict[str, dict[str, str]] = {}
    for name, one in SERVICES.items():
        attributes = one.get("environment", {}).get("OTEL_RESOURCE_ATTRIBUTES", "")
        if attributes:
            given[name] = dict(pair.split("=") for pair in attributes.split(","))
    return given


@pytest.mark.parametrize("name", sorted(set(_instances()) - {"worker", "edge"}))
def test_target_labels_are_the_service_s_own_identity(name: str) -> None:
    """Metrics are labelled with what the service calls itself in logs and traces."""
    files = (ROOT / "deploy/compose").rglob("*.json")
    entries = [entry for file in files for entry in json.loads(file.read_text())]
    labels = next(e["labels"] for e in entries if e["labels"].get("service_name") == name)
    own = _instances()[name]

    assert labels["instance"] == own["service.instance.id"]
    assert labels["service_namespace"] == own["service.namespace"]
    assert labels["deployment_environment_name"] == own["deployment.environment.name"]


async def test_the_gateway_believes_proxies_among_the_containers_and_nobody_further_away() -> None:
    """So that the audit trail tells where a person is, and cookies are safe behind HTTPS."""
    value = COMPOSE["services"]["gateway"]["environment"]["FORWARDED_ALLOW_IPS"]
    trusted = value.removeprefix("${SHOP_TRUSTED_PROXIES:-").removesuffix("}")
    seen: list[tuple[str, str]] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append((scope["client"][0], scope["scheme"]))

    proxied = ProxyHeadersMiddleware(app, trusted_hosts=trusted)
    headers = [(b"x-forwarded-for", b"203.0.113.7"), (b"x-forwarded-proto", b"https")]
    for peer in ("172.18.0.9", "198.51.100.1"):
        scope = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": headers}
        await cast("Any", proxied)(scope, None, None)
    assert seen == [("203.0.113.7", "https"), ("198.51.100.1", "http")]


def test_replicas_name_themselves() -> None:
    """A worker's instance id has a place for its address in the file that all replicas share."""
    assert _instances()["worker"]["service.instance.id"] == "worker-{address}"
    assert "ports" not in SERVICES["worker"]


@pytest.mark.parametrize(
    "variable", ["SHOP_DATA_DIR", "BELFRY_AUDIT_DIR", "SHOP_QUEUE_URL", "SHOP_FLAGS_FILE"]
)
def test_services_keep_their_files_on_volumes(variable: str) -> None:
    """What a read-only container writes lies on one of its volumes."""
    for name, one in SERVICES.items():
        value = one.get("environment", {}).get(variable)
        if value is None or (variable == "SHOP_QUEUE_URL" and name not in _queue_users()):
            continue
        path = value.removeprefix("sqlite:///")
        mounts = [volume.split(":")[1] for volume in one["volumes"]]
        assert any(path.startswith(mount) for mount in mounts), f"{name}: {value}"


def test_mail_goes_to_the_catch_all_until_a_server_is_named() -> None:
    """The console's own settings, as Compose fills them in, are a receiver; `mail` takes it."""
    given = {
        name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(value))
        for name, value in SERVICES["console"]["environment"].items()
        if name.startswith("BELFRY_NOTIFY_")
    }
    [receiver] = load_notify(given).receivers
    assert isinstance(receiver, Mail)
    assert receiver.host in SERVICES
    assert receiver.port == DEFAULT_PORTS["mail_smtp"]
    assert any(port.endswith(f":{receiver.port}") for port in SERVICES[receiver.host]["ports"])


def test_who_may_send_notifications_shares_its_secret_with_the_console_alone() -> None:
    """Services of the shop, which run as the same user, do not see it."""
    readers = {
        name
        for name, one in SERVICES.items()
        if any(volume.startswith("alerting-secrets:") for volume in one.get("volumes", []))
    }
    assert readers == {"init", "alertmanager", "console"}


def _queue_users() -> set[str]:
    """Services whose code opens the queue."""
    return {
        folder.name
        for folder in (ROOT / "services").iterdir()
        if folder.name not in {"kit", "load"}
        and any("services.kit.queue" in file.read_text() for file in folder.rglob("*.py"))
    }
