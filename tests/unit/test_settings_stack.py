"""Settings are checked before anything starts: one clear line, exit code 2."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from observability.exits import UsageError
from observability.settings import DEFAULT_PORTS, Settings, load_settings
from tests.support.ports import free_port


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No `BELFRY_*` of whoever runs the tests, in a folder without belfry.toml."""
    for name in list(os.environ):
        if name.startswith("BELFRY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "BELFRY_PORT_GATWAY",
            "1",
            "unknown setting BELFRY_PORT_GATWAY: did you mean BELFRY_PORT_",
        ),
        ("BELFRY_PORTS", "{}", "unknown setting BELFRY_PORTS"),
        ("BELFRY_ZZZZZZZZ", "1", "unknown setting BELFRY_ZZZZZZZZ: unset it"),
        ("BELFRY_PORT_GATEWAY", "web", "BELFRY_PORT_GATEWAY: input should be a valid integer"),
        ("BELFRY_PORT_GATEWAY", "70000", "BELFRY_PORT_GATEWAY must be from 1 to 65535, not 70000"),
        ("BELFRY_PORT_OFFSET", "-1", "BELFRY_PORT_OFFSET: input should be greater than"),
        ("BELFRY_URL_LOKI", "loki:3100", "BELFRY_URL_LOKI must be http://HOST:PORT, not loki:3100"),
        ("BELFRY_URL_LOKKI", "http://a", "unknown setting BELFRY_URL_LOKKI: did you mean BELFRY_U"),
        ("BELFRY_PUBLIC_URL_GRAFANA", "a", "BELFRY_PUBLIC_URL_GRAFANA must be http://HOST:PORT"),
        ("BELFRY_PUBLIC_URL_X", "http://a", "unknown setting BELFRY_PUBLIC_URL_X: did you mean"),
        ("BELFRY_ENVIRONMENT", "a b", "BELFRY_ENVIRONMENT: string should match"),
        ("BELFRY_PROFILE", "prod", "BELFRY_PROFILE: input should be 'demo' or 'production'"),
    ],
)
def test_a_bad_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    """The variable, what is wrong with it, and the value it has."""
    monkeypatch.setenv(name, value)

    with pytest.raises(UsageError) as refused:
        load_settings()
    assert str(refused.value).startswith(message)


def test_a_service_of_belfry_toml_has_a_port_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What belfry.toml adds can be moved like the rest; a dash becomes an underscore."""
    (tmp_path / "belfry.toml").write_text('[services.my-own]\napp = "x:app"\nport = 9999')
    monkeypatch.setenv("BELFRY_PORT_MY_OWN", "1234")

    assert load_settings().port("my-own", 9999) == 1234


def test_the_offset_moves_all_but_what_is_set() -> None:
    """Defaults move; a port that is given is taken as it is."""
    settings = Settings(port_offset=100, ports={"loki": 5000})

    assert settings.port("gateway") == DEFAULT_PORTS["gateway"] + 100
    assert settings.url("loki") == "http://127.0.0.1:5000"
    with pytest.raises(KeyError):
        settings.port("nobody")


def test_a_backend_may_be_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """In containers the console finds Loki by its name; all else stays on this machine."""
    monkeypatch.setenv("BELFRY_URL_LOKI", "http://loki:3100/")
    settings = load_settings()

    assert settings.url("loki") == "http://loki:3100"
    assert settings.url("jaeger") == "http://127.0.0.1:16686"
    assert settings.variables()["BELFRY_URL_LOKI"] == "http://loki:3100"


def test_the_audit_trail_lies_in_the_state_folder_unless_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who writes it and who verifies it read the same setting."""
    assert Settings(state_dir=tmp_path / "s").audit_dir == tmp_path / "s" / "audit"
    monkeypatch.setenv("BELFRY_AUDIT_DIR", "elsewhere")
    assert load_settings().audit_dir == tmp_path / "elsewhere"


def test_another_process_reads_the_same_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`variables()` is the whole of it: the console sees what the supervisor saw."""
    settings = Settings(
        state_dir=tmp_path / "s",
        port_offset=7,
        ports={"loki": 1},
        environment="x",
        ignore_path=True,
        profile="production",
        audit_dir=tmp_path / "a",
        public_urls={"loki": "http://127.0.0.1:1"},
    )
    for name, value in settings.variables().items():
        monkeypatch.setenv(name, value)

    assert load_settings() == settings


def belfry(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `belfry` as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "observability.cli", *arguments],
        env=dict(os.environ) | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line with which a command was refused."""
    assert done.returncode == 2, done
    (line,) = done.stderr.splitlines()
    assert line.startswith("belfry: ")
    return line


def test_belfry_up_refuses_bad_settings_in_one_line(tmp_path: Path) -> None:
    """Unknown setting, unwritable state folder, taken port, no belfry.toml: named, exit code 2."""
    assert "no belfry.toml" in refused(belfry("up"))
    (tmp_path / "belfry.toml").write_text('[services.a]\napp = "x:app"\nport = 9999')
    assert "BELFRY_STATE_DRI" in refused(belfry("up", BELFRY_STATE_DRI="x"))
    in_the_way = tmp_path / "belfry.toml" / "state"
    line = refused(belfry("up", "--only=services", BELFRY_STATE_DIR=str(in_the_way)))
    assert f"state folder {in_the_way} cannot be written to" in line
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        for detach in ([], ["--detach"]):
            line = refused(belfry("up", "--only=services", *detach, BELFRY_PORT_A=port))
            assert f"port {port} of a is taken by pid {os.getpid()}" in line
            assert "BELFRY_PORT_A" in line


@pytest.mark.parametrize(
    ("name", "variables", "expected"),
    [
        ("grafana", {}, "http://127.0.0.1:3000"),
        ("grafana", {"GRAFANA_URL": "https://admin:s3cret@g:3000/"}, "https://g:3000"),
        (
            "grafana",
            {"GRAFANA_URL": "http://g:3000", "BELFRY_PUBLIC_URL_GRAFANA": "https://u:p@x.org/g/"},
            "https://x.org/g",
        ),
        (
            "prometheus",
            {"BELFRY_URL_PROMETHEUS": "http://prometheus:9090"},
            "http://127.0.0.1:9090",
        ),
        (
            "alertmanager",
            {"BELFRY_PUBLIC_URL_ALERTMANAGER": "https://alerts.example.org"},
            "https://alerts.example.org",
        ),
    ],
)
def test_addresses_for_people_are_not_those_for_processes_and_hold_no_password(
    monkeypatch: pytest.MonkeyPatch, name: str, variables: dict[str, str], expected: str
) -> None:
    """They stand in mails, chats and pages that anybody may see."""
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    settings = load_settings()
    assert settings.public_url(name) == expected
    for variable, value in settings.variables().items():
        monkeypatch.setenv(variable, value)
    assert load_settings() == settings


@pytest.mark.parametrize(
    "name", ["config", "data", "logs", "secrets", "targets", "supervisor.lock", "flags.json"]
)
def test_belfry_up_names_what_is_in_its_way_in_the_state_folder(tmp_path: Path, name: str) -> None:
    """A file where a folder belongs, or the reverse: one line with its path, exit code 2."""
    (tmp_path / "belfry.toml").write_text(
        '[stack]\nflags = "template.json"\n[services.a]\napp = "x:app"\nport = 9999'
    )
    (tmp_path / "template.json").write_text("{}")
    in_the_way = tmp_path / "state" / name
    in_the_way.parent.mkdir()
    if "." in name:
        in_the_way.mkdir()
    else:
        in_the_way.touch()
    for detach in ([], ["--detach"]):
        port = str(free_port())
        line = refused(
            belfry(
                "up",
                "--only=services",
                *detach,
                BELFRY_STATE_DIR=str(in_the_way.parent),
                BELFRY_PORT_A=port,
            )
        )
        assert f"({in_the_way}: " in line


def test_replicas_beyond_the_last_port_are_refused_in_one_line(tmp_path: Path) -> None:
    """The setting that moves them is named."""
    (tmp_path / "belfry.toml").write_text(
        '[services.a]\napp = "x:app"\nport = 9999\nscalable = true'
    )
    options = ("--only=services", "--scale=a=2")
    line = refused(belfry("up", *options, BELFRY_PORT_A="65535"))
    assert "port 65536 of a is above 65535: set BELFRY_PORT_A" in line
