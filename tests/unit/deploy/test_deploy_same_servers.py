"""The servers in containers are told what the same servers are told natively."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from observability.backends import BACKENDS, Site

ROOT = Path(__file__).parents[3]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())[
    "services"
]
SITE = Site(
    state=Path("/state"),
    ports={port: number for one in BACKENDS.values() for port, number in one.ports.items()},
)
#: What the images set themselves, or what is another matter in a container of its own.
OF_THE_IMAGE = {
    "--web.listen-address",
    "GF_SERVER_HTTP_ADDR",
    "GF_PATHS_DATA",
    "GF_PATHS_LOGS",
    "GF_PATHS_PLUGINS",
    "GF_PATHS_PROVISIONING",
}
#: Components of the Collector's contrib image at the pinned version, of those that are used here.
CONTRIB = {
    "receivers": {"otlp", "filelog"},
    "processors": {"memory_limiter", "batch", "attributes", "filter", "groupbyattrs", "resource"}
    | {"tail_sampling", "transform"},
    "exporters": {"otlp", "otlphttp", "debug"},
    "connectors": {"spanmetrics", "forward"},
    "extensions": {"file_storage", "health_check"},
}

servers = pytest.mark.parametrize("name", sorted(BACKENDS))


@servers
def test_flags_are_those_of_the_native_server(name: str) -> None:
    """Retention, features and limits do not differ; paths and listeners may."""
    native = {argument.split("=")[0] for argument in BACKENDS[name].arguments(SITE)}
    ours = SERVICES[name].get("command")
    if ours is None:  # the image's own command line, with its configuration where that looks
        return
    assert {argument.split("=")[0] for argument in ours if argument.startswith("-")} == {
        argument for argument in native if argument.startswith("-")
    } - OF_THE_IMAGE


@servers
def test_flags_with_a_plain_value_have_the_native_value(name: str) -> None:
    """A limit raised natively is raised in containers."""
    site = [str(SITE.state), SITE.host]
    native = [one for one in BACKENDS[name].arguments(SITE) if not any(s in one for s in site)]
    ours = SERVICES[name].get("command") or native
    values = {one for one in native if one.startswith("-") and "=" in one}
    assert values <= set(ours)


@servers
def test_variables_are_those_of_the_native_server(name: str) -> None:
    """Every variable that the configuration reads is given, ports excepted: those are fixed."""
    given = SERVICES[name].get("environment", {})
    native = BACKENDS[name].variables(SITE)
    addresses = {one for one, value in native.items() if not value.isdecimal()}

    assert addresses - OF_THE_IMAGE - {"GF_SERVER_HTTP_PORT"} <= given.keys()
    assert not any(
        "127.0.0.1" in given[one] for one in addresses & given.keys() - {"GF_SERVER_ROOT_URL"}
    )


@pytest.mark.parametrize("kind", sorted(CONTRIB))
def test_the_collector_s_components_are_in_its_official_image(kind: str) -> None:
    """A component that only the native build carries would stop the container from starting."""
    text = (ROOT / "observability/backends/collector/collector.yaml").read_text()
    used = {name.split("/")[0] for name in yaml.safe_load(text).get(kind, {})}
    assert used <= CONTRIB[kind]


def test_log_rules_are_mounted_once_there_are_any() -> None:
    """Rules over log lines reach Loki in containers too."""
    folder = "observability/alerting/log_rules"
    mounted = any(volume.startswith(f"./{folder}:") for volume in SERVICES["loki"]["volumes"])
    assert mounted == (ROOT / folder).is_dir()
