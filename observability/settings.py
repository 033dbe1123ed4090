"""Settings of the stack, read from `BELFRY_*` variables and validated before anything starts."""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from observability.exits import UsageError

HOST: Final = "127.0.0.1"
PREFIX: Final = "BELFRY_"
_PORT_PREFIX: Final = "BELFRY_PORT_"
_URL_PREFIX: Final = "BELFRY_URL_"
_PUBLIC_PREFIX: Final = "BELFRY_PUBLIC_URL_"
_ADDRESSES: Final = (_URL_PREFIX, _PUBLIC_PREFIX)
#: Receivers of alerts, which bring names of their own.
_NOTIFY_PREFIX: Final = "BELFRY_NOTIFY_"
#: What `instrument(app)` reads and the stack does not.
_LIBRARY_VARIABLES: Final = frozenset({"BELFRY_ACCESS_LOG", "BELFRY_LOG_LEVEL"})
#: Sets of figures that rules and retention go by: see observability/backends/profiles.
Profile = Literal["demo", "production"]

#: Ports on loopback before `port_offset`.
DEFAULT_PORTS: Final[Mapping[str, int]] = {
    "gateway": 8000,
    "account": 8001,
    "catalog": 8002,
    "cart": 8003,
    "checkout": 8004,
    "shipping": 8005,
    "worker": 8010,
    "console": 8080,
    # in containers only
    "edge": 8088,
    "consul": 8500,
    "eureka": 8761,
    "mail": 8025,
    "mail_smtp": 1025,
    "grafana": 3000,
    "prometheus": 9090,
    "alertmanager": 9093,
    "loki": 3100,
    "jaeger": 16686,
    "collector": 4318,
    "collector_grpc": 4317,
    "collector_health": 13133,
    # between backends only
    "collector_metrics": 8888,
    "jaeger_grpc": 16685,
    "jaeger_otlp_grpc": 14317,
    "jaeger_otlp_http": 14318,
    "jaeger_health": 13134,
    "jaeger_metrics": 8889,
    "loki_grpc": 9095,
}


def _default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "belfry"


class Settings(BaseSettings):
    """Where the stack lives and where it listens; each field is a `BELFRY_<FIELD>` variable."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, populate_by_name=True
    )

    state_dir: Path = Field(default=Path(".belfry"), description="data, logs, secrets, lock")
    cache_dir: Path = Field(default_factory=_default_cache, description="servers built once")
    ignore_path: bool = Field(default=False, description="do not take servers from PATH")
    config: Path = Field(default=Path("belfry.toml"), description="what runs")
    environment: str = Field(default="local", min_length=1, pattern=r"^[\w.-]+$")
    profile: Profile = Field(default="demo", description="sets rules and retention")
    audit_dir: Path = Field(
        default_factory=lambda known: known["state_dir"] / "audit",
        description="journals of the audit trail",
    )
    port_offset: int = Field(default=0, ge=0, le=45_000, description="added to default ports")
    ports: dict[str, int] = Field(
        default_factory=dict, description="ports set one by one (BELFRY_PORT_<NAME>), not offset"
    )
    urls: dict[str, str] = Field(
        default_factory=dict,
        description="where a backend is that does not run on this machine (BELFRY_URL_<NAME>)",
    )
    public_urls: dict[str, str] = Field(
        default_factory=dict,
        description="where a reader's browser finds a server (BELFRY_PUBLIC_URL_<NAME>)",
    )
    grafana_url: str | None = Field(
        default=None, validation_alias=AliasChoices("grafana_url", "GRAFANA_URL")
    )

    grafana_password_file: Path = Field(
        default_factory=lambda known: known["state_dir"] / "secrets" / "grafana_admin",
        description="password of the user `admin` of the stack's own Grafana",
    )

    @model_validator(mode="before")
    @classmethod
    def _gather_ports_and_urls(cls, data: dict[str, Any]) -> dict[str, Any]:
        ports = _from_environment(_PORT_PREFIX)
        ports.pop("offset", None)
        given = {
            "ports": ports,
            "urls": _from_environment(_URL_PREFIX),
            "public_urls": _from_environment(_PUBLIC_PREFIX),
        }
        return data | {name: found | data.get(name, {}) for name, found in given.items()}

    @field_validator("ports")
    @classmethod
    def _ports_exist(cls, ports: dict[str, int]) -> dict[str, int]:
        for name, port in ports.items():
            if not 1 <= port <= 65_535:
                raise ValueError(f"{port_variable(name)} must be from 1 to 65535, not {port}")
        return ports

    @field_validator("urls", "public_urls")
    @classmethod
    def _urls_are_http(cls, urls: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        prefix = _URL_PREFIX if info.field_name == "urls" else _PUBLIC_PREFIX
        for name, url in urls.items():
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"{prefix}{name.upper()} must be http://HOST:PORT, not {url}")
        return {name: url.rstrip("/") for name, url in urls.items()}

    @field_validator("state_dir", "cache_dir", "config", "audit_dir", "grafana_password_file")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    def port(self, name: str, default: int | None = None) -> int:
        """Port of a process, or of one of its further listeners (`collector_health`).

        Args:
            name: a process or listener name.
            default: its port before the offset, for a name that is not in `DEFAULT_PORTS`.

        Raises:
            KeyError: the name is unknown and there is no default.
        """
        key = name.replace("-", "_")
        if key in self.ports:
            return self.ports[key]
        base = DEFAULT_PORTS[key] if default is None else default
        return base + self.port_offset

    def url(self, name: str, default: int | None = None) -> str:
        """Base URL of a process, without a slash at its end."""
        return self.urls.get(name) or f"http://{HOST}:{self.port(name, default)}"

    def public_url(self, name: str, default: int | None = None) -> str:
        """Base URL of a process for links that people follow; it never holds a password."""
        named = self.public_urls.get(name) or (self.grafana_url if name == "grafana" else None)
        return _without_user(named or f"http://{HOST}:{self.port(name, default)}")

    def variables(self) -> dict[str, str]:
        """The environment in which another process reads the same settings."""
        given = {
            "BELFRY_STATE_DIR": str(self.state_dir),
            "BELFRY_CACHE_DIR": str(self.cache_dir),
            "BELFRY_IGNORE_PATH": str(self.ignore_path).lower(),
            "BELFRY_CONFIG": str(self.config),
            "BELFRY_ENVIRONMENT": self.environment,
            "BELFRY_PROFILE": self.profile,
            "BELFRY_AUDIT_DIR": str(self.audit_dir),
            "BELFRY_GRAFANA_PASSWORD_FILE": str(self.grafana_password_file),
            "BELFRY_PORT_OFFSET": str(self.port_offset),
        }
        ports = {port_variable(name): str(port) for name, port in self.ports.items()}
        urls = {_URL_PREFIX + name.upper(): url for name, url in self.urls.items()}
        public = {_PUBLIC_PREFIX + name.upper(): url for name, url in self.public_urls.items()}
        grafana = {"GRAFANA_URL": self.grafana_url} if self.grafana_url else {}
        return given | ports | urls | public | grafana

    @property
    def logs_dir(self) -> Path:
        """Folder of one log file a process."""
        return self.state_dir / "logs"

    @property
    def data_dir(self) -> Path:
        """Folder of what services and backends keep."""
        return self.state_dir / "data"

    @property
    def targets_dir(self) -> Path:
        """Folder of the files in which Prometheus finds its targets."""
        return self.state_dir / "targets"

    @property
    def secrets_dir(self) -> Path:
        """Folder of generated secrets, readable by their owner only."""
        return self.state_dir / "secrets"

    @property
    def dashboards_dir(self) -> Path:
        """Folder of the dashboards, beside the file that says what runs."""
        return self.config.parent / "dashboards"

    @property
    def flags_file(self) -> Path:
        """Fault flags that are live now."""
        return self.state_dir / "flags.json"

    @property
    def inbox_file(self) -> Path:
        """Notifications received."""
        return self.state_dir / "inbox.db"


def _from_environment(prefix: str) -> dict[str, Any]:
    """What variables with this prefix say, by the rest of their names in lower case."""
    return {
        name.removeprefix(prefix).lower(): value
        for name, value in os.environ.items()
        if name.startswith(prefix) and value
    }


def _without_user(url: str) -> str:
    """Without a name and a password before the host, and without a slash at the end."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")


def port_variable(name: str) -> str:
    """Variable that sets the port of a process: `BELFRY_PORT_GATEWAY`."""
    return _PORT_PREFIX + name.replace("-", "_").upper()


def load_settings() -> Settings:
    """Read and check the settings.

    Raises:
        UsageError: a value is not valid, or a `BELFRY_*` variable is unknown; names it.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        raise UsageError(_first_problem(error)) from None
    _refuse_unknown(settings)
    if any(name.startswith(_NOTIFY_PREFIX) for name in os.environ):
        # only who has receivers waits for what reads their settings
        from observability.alerting.receivers.settings import load_notify  # noqa: PLC0415

        load_notify(os.environ)
    return settings


def _first_problem(error: ValidationError) -> str:
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    named_by_message = first["type"] == "value_error"
    if where[:1] == ["ports"] and len(where) > 1:
        name = port_variable(where[1])
    else:
        name = where[0] if where[0].isupper() else PREFIX + where[0].upper()
    if named_by_message:
        return str(first["msg"]).removeprefix("Value error, ")
    return f"{name}: {first['msg'].lower()}, not {first['input']!r}"


def _refuse_unknown(settings: Settings) -> None:
    services = _service_names(settings.config)
    known = {PREFIX + name.upper() for name in Settings.model_fields} - {
        "BELFRY_PORTS",
        "BELFRY_URLS",
        "BELFRY_PUBLIC_URLS",
        "BELFRY_GRAFANA_URL",
    }
    known |= _LIBRARY_VARIABLES
    known |= {port_variable(name) for name in [*DEFAULT_PORTS, *services]}
    known |= {prefix + name.upper() for name in DEFAULT_PORTS for prefix in _ADDRESSES}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and not name.startswith(_NOTIFY_PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f": did you mean {close[0]}?" if close else ": unset it"
            raise UsageError(f"unknown setting {name}{hint}")


def _service_names(config: Path) -> list[str]:
    """Services that belfry.toml adds; what is wrong in it is reported where it is parsed."""
    try:
        services = tomllib.loads(config.read_text(encoding="utf-8")).get("services", {})
    except (OSError, ValueError):
        return []
    return list(services) if isinstance(services, dict) else []
