"""Descriptors: what a server is started with follows from where it runs, and from nothing else."""

import re
from pathlib import Path

import pytest

from observability.backends import BACKENDS, DEFAULT_PORTS, Backend, Site
from observability.stack import secrets

ALL = pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(state=tmp_path, ports={name: port + 7 for name, port in DEFAULT_PORTS.items()})


def configuration(backend: Backend) -> str:
    files = [*backend.folder.glob("*.yml"), *backend.folder.glob("*.yaml")]
    return "\n".join(file.read_text() for file in files)


def test_no_two_servers_want_the_same_port() -> None:
    assert len(set(DEFAULT_PORTS.values())) == len(DEFAULT_PORTS)
    assert len(DEFAULT_PORTS) == sum(len(backend.ports) for backend in BACKENDS.values())


def test_ports_that_people_rely_on() -> None:
    expected = {
        "prometheus": 9090,
        "alertmanager": 9093,
        "loki": 3100,
        "jaeger": 16686,
        "collector": 4318,
        "collector_grpc": 4317,
        "collector_health": 13133,
        "grafana": 3000,
    }
    assert expected.items() <= DEFAULT_PORTS.items()


@ALL
def test_every_port_of_a_server_can_be_set(backend: Backend, site: Site) -> None:
    given = " ".join([*backend.command(Path("x"), site), *backend.environment(site).values()])
    for name, default in backend.ports.items():
        assert str(default + 7) in given, name


@ALL
def test_servers_listen_on_loopback_unless_told_otherwise(backend: Backend) -> None:
    assert "0.0.0.0" not in configuration(backend)  # noqa: S104 -- looked for, not listened on
    assert not re.search(r"endpoint: :\d", configuration(backend))


@ALL
def test_configuration_needs_no_variable_to_be_readable(backend: Backend) -> None:
    """A variable without a default would make a file that is valid here and not in a container."""
    text = configuration(backend)
    used = re.findall(r"\$\{(?:env:)?([A-Z][A-Z0-9_]*)(:-[^}]*)?\}", text)
    assert [name for name, default in used if not default] == []


@pytest.mark.parametrize("name", ["loki", "jaeger", "collector"])
def test_variables_given_natively_are_ones_that_the_configuration_reads(
    name: str, site: Site
) -> None:
    backend = BACKENDS[name]
    read = set(re.findall(r"\$\{(?:env:)?([A-Z][A-Z0-9_]*)", configuration(backend)))
    assert set(backend.variables(site)) <= read


@ALL
def test_needs_are_servers(backend: Backend) -> None:
    assert set(backend.needs) <= set(BACKENDS)


@ALL
def test_ready_and_metrics_addresses_are_of_its_own_ports(backend: Backend, site: Site) -> None:
    assert {backend.ready[0], backend.metrics[0]} <= set(backend.ports)
    assert backend.ready_url(site).startswith("http://127.0.0.1:")


@ALL
def test_preparing_twice_leaves_the_projects_own_files_linked(backend: Backend, site: Site) -> None:
    backend.prepare(site)
    backend.prepare(site)
    folder = backend.working_directory(site)
    for name, target in backend.layout(site).links.items():
        assert (folder / name).readlink() == target
    assert site.data(backend.name).is_dir()
    assert not list(folder.rglob(".*.new"))


def test_alertmanager_finds_the_inbox_in_a_file(tmp_path: Path) -> None:
    site = Site(state=tmp_path, ports=DEFAULT_PORTS, inbox_url="http://127.0.0.1:1/in")
    alertmanager = BACKENDS["alertmanager"]
    alertmanager.prepare(site)
    config = (alertmanager.folder / "alertmanager.yml").read_text()
    folder = alertmanager.working_directory(site)
    file = re.findall(r"url_file: (\S+)", config)[0]
    assert (folder / file).read_text().strip() == site.inbox_url
    secrets.generate(tmp_path / "secrets", alertmanager.secrets)
    token = re.findall(r"credentials_file: ([^\s}]+)", config)[0]
    assert len((folder / token).read_text()) == 64


def test_loki_gets_log_rules_under_the_tenant_it_files_them_by(tmp_path: Path) -> None:
    site = Site(state=tmp_path / "state", ports=DEFAULT_PORTS)
    BACKENDS["loki"].prepare(site)
    assert (site.config("loki") / "rules" / "fake").readlink() == site.log_rules
    assert list(site.log_rules.glob("*.yml"))


def test_grafana_has_no_default_password_and_calls_nobody(site: Site) -> None:
    environment = BACKENDS["grafana"].environment(site)
    assert environment["GF_SECURITY_ADMIN_PASSWORD"] == (
        f"$__file{{{site.state / 'secrets' / 'grafana_admin'}}}"
    )
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert environment["GF_PLUGINS_PREINSTALL_AUTO_UPDATE"] == "false"
    assert environment["GF_ANALYTICS_REPORTING_ENABLED"] == "false"
    assert set(BACKENDS["grafana"].secrets) == {"grafana_admin", "grafana_key"}
