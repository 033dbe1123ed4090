"""Settings of the shop's services, read from `SHOP_…` environment variables.

Each service derives its own class from `ShopSettings` and names itself:

    class Settings(ShopSettings):
        service = "catalog"

    settings = load(Settings)

For that service `SHOP_CATALOG_DATABASE_URL` goes before `SHOP_DATABASE_URL`, and so for every
field. A secret may be given as a file: `SHOP_TOKEN_KEY_FILE`, `SHOP_DATABASE_URL_FILE`, …
With no environment at all a service starts with SQLite files below `./.belfry`.
"""

import os
import sys
from pathlib import Path
from typing import Any, ClassVar, NoReturn, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

PREFIX = "SHOP_"
SERVICES = ("account", "catalog", "cart", "checkout", "shipping")
"""Those that others call."""


class SettingsError(Exception):
    """A setting that cannot be used; the text names it and says what to do."""


class ShopSettings(BaseSettings):
    """What every service of the shop can be told."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", env_ignore_empty=True)

    service: ClassVar[str] = ""
    """Name of the service, as in its URL setting and its database file."""

    data_dir: Path = Path(".belfry/data")
    """Folder of the service's own files."""
    flags_file: Path | None = None
    """Fault flags; by default `flags.json` beside `data_dir`."""
    database_url: SecretStr | None = None
    """SQLAlchemy URL (`sqlite+aiosqlite://` or `postgresql+asyncpg://`); by default a SQLite file
    in `data_dir`. On PostgreSQL `?schema=NAME` puts the tables into a schema of that name."""
    migrate_apart: bool = False
    """Migrate the database in a process of its own: the service then keeps 10 MB less."""
    queue_url: SecretStr | None = None
    """Message queue; by default an embedded one in `data_dir`."""
    redis_url: SecretStr | None = None
    """Shared cache; without it each process has its own only."""
    registry_url: SecretStr | None = None
    """Service registry, `consul://HOST:8500` or `eureka://HOST:8761/eureka`, with `USER:PASSWORD@`
    where it asks for them: every service is registered and looked up there; the URLs of services
    are not used then."""
    registry_token: SecretStr | None = None
    """What the registry asks of its users."""
    advertise_url: str | None = None
    """Where others reach this process; needed to be registered."""
    token_key: SecretStr | None = None
    """Key that signs the users' tokens, at least 32 bytes; by default generated once and kept in
    `secrets/token_key` beside `data_dir`."""
    request_timeout: float = Field(default=5.0, gt=0, le=120)
    """Seconds an instance of another service may take to answer; if it does not, another one is
    asked where there is one and the call may be repeated."""
    checkout_timeout: float | None = Field(default=None, gt=0, le=300)
    """The same for checkout, which calls others for its answer: by default long enough for one of
    those to be hung and its replacement to be slow, `2 * request_timeout + 2`."""
    drain_seconds: float = Field(default=0.0, ge=0, le=60)
    """Seconds between SIGTERM, when readiness turns false, and the end of accepting requests."""

    account_url: str = "http://127.0.0.1:8001"
    catalog_url: str = "http://127.0.0.1:8002"
    cart_url: str = "http://127.0.0.1:8003"
    checkout_url: str = "http://127.0.0.1:8004"
    shipping_url: str = "http://127.0.0.1:8005"

    def url_of(self, service: str) -> str:
        """Where a service of the shop is, in a form of `services.kit.discovery`.

        With a registry that is the one place to look for any service.
        """
        url: str = self.registry or getattr(self, f"{service}_url")
        return url

    def timeout_of(self, service: str) -> float:
        """Seconds an instance of a service of the shop may take to answer."""
        if service != "checkout":
            return self.request_timeout
        return self.checkout_timeout or 2 * self.request_timeout + 2

    @property
    def registry(self) -> str | None:
        """URL of the service registry, password included, or None."""
        return self.registry_url.get_secret_value() if self.registry_url else None

    @property
    def registry_secret(self) -> str | None:
        """What the registry asks of its users, or None."""
        return self.registry_token.get_secret_value() if self.registry_token else None

    @property
    def flags_path(self) -> Path:
        """Where the fault flags are read from."""
        return self.flags_file or self.data_dir.parent / "flags.json"

    @property
    def database(self) -> str:
        """URL of the service's own database, password included."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{self.data_dir.absolute()}/{self.service}.db"

    @property
    def queue(self) -> str:
        """URL of the message queue, password included."""
        if self.queue_url is not None:
            return self.queue_url.get_secret_value()
        return f"sqlite:///{self.data_dir.absolute()}/queue.db"

    @property
    def redis(self) -> str | None:
        """URL of the shared cache, password included, or None."""
        return self.redis_url.get_secret_value() if self.redis_url else None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The service's own variables first, then the shop's; a value before a file."""
        own = f"{PREFIX}{cls.service.upper()}_"
        sources: list[PydanticBaseSettingsSource] = [init_settings]
        if cls.service:
            sources.append(EnvSettingsSource(settings_cls, env_prefix=own))
            sources.append(_SecretFiles(settings_cls, own))
        return (*sources, env_settings, _SecretFiles(settings_cls, PREFIX))


class _SecretFiles(PydanticBaseSettingsSource):
    """Reads `<PREFIX><FIELD>_FILE` for every secret field."""

    def __init__(self, settings_cls: type[BaseSettings], prefix: str) -> None:
        super().__init__(settings_cls)
        self._prefix = prefix

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The content of the file that the field's variable names, without line ends."""
        variable = f"{self._prefix}{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        if not path or "SecretStr" not in str(field.annotation):
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not a text file"
            raise SettingsError(f"{variable}: cannot read {path}: {reason}") from error

    def __call__(self) -> dict[str, Any]:
        """All secrets that are given as files."""
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value}


S = TypeVar("S", bound=ShopSettings)


def load(cls: type[S]) -> S:
    """Read the settings, or end the process with one clear line and exit code 2.

    Args:
        cls: the service's settings class.

    Raises:
        SystemExit: a setting cannot be used.
    """
    from services.kit.settings_checks import check  # noqa: PLC0415 - made of what needs this module

    try:
        settings = cls()
        check(settings)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field, *_ = (*first["loc"], "")
        refuse(cls.service, f"{variable_of(cls, str(field))}: {first['msg']}")
    except SettingsError as error:
        refuse(cls.service, error)
    return settings


def variable_of(cls: type[ShopSettings], field: str) -> str:
    """The environment variable that a field has its value from, or would have it from."""
    name = field.upper()
    own = f"{PREFIX}{cls.service.upper()}_{name}"
    every = [own, f"{own}_FILE", f"{PREFIX}{name}", f"{PREFIX}{name}_FILE"]
    given = [variable for variable in every if os.environ.get(variable)]
    return given[0] if given else f"{PREFIX}{name}"


def refuse(service: str, reason: object) -> NoReturn:
    """End the process with one line on stderr that names the setting, and exit code 2."""
    sys.stderr.write(f"{service or 'shop'}: bad setting {reason}\n")
    raise SystemExit(2)
