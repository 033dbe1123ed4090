"""The servers in containers are told what the same servers are told natively."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from observability.alerting.profiles import PRODUCTION
from observability.backends import BACKENDS, Site
from observability.backends.model import PROFILES, variables_of
from observability.settings import Profile

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
DEFAULT = re.compile(r"\$\{\w+:-(.*?)\}")


def variables(name: str) -> dict[str, str]:
    """What a container is given, by a file or one by one."""
    files = [DEFAULT.sub(r"\1", one) for one in SERVICES[name].get("env_file", [])]
    given = {key: value for one in files for key, value in variables_of(ROOT / one).items()}
    return {**given, **SERVICES[name].get("environment", {})}


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
    given = variables(name)
    native = BACKENDS[name].variables(SITE)
    addresses = {one for one, value in native.items() if not value.isdecimal()}

    assert addresses - OF_THE_IMAGE - {"GF_SERVER_HTTP_PORT"} <= given.keys()
    assert not any(
        "127.0.0.1" in given[one] for one in addresses & given.keys() - {"GF_SERVER_ROOT_URL"}
    )


@servers
def test_values_that_are_no_address_are_the_native_ones(name: str) -> None:
    """Retention, log levels, what Grafana may and may not do."""
    given, native = variables(name), BACKENDS[name].variables(SITE)
    plain = {one: value for one, value in native.items() if not re.search("[/:]", value)}
    for one in plain.keys() & given.keys():
        if not one.endswith(("_HOST", "_ENVIRONMENT", "_NAMESPACE")):
            assert given[one] == plain[one], one


@pytest.mark.parametrize("name", sorted(BACKENDS.keys() - {"grafana"}))
def test_go_collects_its_garbage_as_natively(name: str) -> None:
    """As often, and harder from the same size on."""
    native = BACKENDS[name].environment(SITE)
    for one in ("GOGC", "GOMEMLIMIT"):
        assert variables(name)[one] == native[one]


@pytest.mark.parametrize("kind", sorted(CONTRIB))
def test_the_collector_s_components_are_in_its_official_image(kind: str) -> None:
    """A component that only the native build carries would stop the container from starting."""
    text = (ROOT / "observability/backends/collector/collector.yaml").read_text()
    used = {name.split("/")[0] for name in yaml.safe_load(text).get(kind, {})}
    assert used <= CONTRIB[kind]


@pytest.mark.parametrize("profile", sorted(path.name for path in PROFILES.iterdir()))
def test_a_profile_has_rules_and_retention_for_every_server(profile: str) -> None:
    """Whatever a container mounts of a profile is there in each."""
    used = re.findall(
        r"observability/backends/profiles/\$\{BELFRY_PROFILE:-demo\}/([\w.]+)",
        (ROOT / "docker-compose.yml").read_text(),
    )
    assert set(used) == {"rules", "log_rules", "prometheus.flags", "loki.env", "jaeger.env"}
    for name in used:
        assert (PROFILES / profile / name).exists()
    for file in (PROFILES / "demo").glob("*.env"):
        assert variables_of(PROFILES / profile / file.name).keys() == variables_of(file).keys()


def test_profiles_are_those_that_the_settings_know() -> None:
    """And each leads to the rules of its own name."""
    assert {path.name for path in PROFILES.iterdir()} == set(get_args(Profile))
    for name in get_args(Profile):
        for kind in ("rules", "log_rules"):
            for file in (PROFILES / name / kind).glob("*.yml"):
                assert f"# Profile: {name}." in file.read_text()


def test_production_keeps_what_its_rules_look_back_on() -> None:
    """Error budgets are counted over 30 days: as long must metrics stay."""
    flags = (PROFILES / "production" / "prometheus.flags").read_text()
    days = int(re.findall(r"retention\.time=(\d+)d", flags)[0])
    assert days > int(PRODUCTION.budget_window.removesuffix("d"))
