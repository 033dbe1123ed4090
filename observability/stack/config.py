"""belfry.toml as typed models: what runs, with which environment, and what else is scraped."""

import tomllib
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic import field_validator as validates

from observability.exits import UsageError

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stack(_Table):
    """What all services share."""

    namespace: str = "default"
    flags: Path | None = Field(default=None, description="template of the fault flags")
    secrets: tuple[Name, ...] = Field(default=(), description="made at first start")


class Service(_Table):
    """One service: an ASGI application that uvicorn runs."""

    app: Annotated[str, StringConstraints(pattern=r"^[\w.]+:[\w.]+$")]
    port: int = Field(ge=1, le=65_535)
    needs: tuple[str, ...] = ()
    scalable: bool = False
    version: str | None = None
    title: str | None = Field(default=None, description="of its pages, if people are to open them")
    env: dict[str, str] = Field(default_factory=dict)


class Target(_Table):
    """A service that runs elsewhere and is only watched."""

    url: str
    namespace: str | None = None
    instance: str | None = None
    metrics_path: str = "/metrics"

    @validates("url")
    @classmethod
    def _has_host_and_port(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or not _has_good_port(parts):
            raise ValueError('must be like "http://127.0.0.1:9999"')
        if parts.path.strip("/"):
            raise ValueError("must have no path: metrics_path has its own key")
        return url


class Config(_Table):
    """The whole of belfry.toml; `root` is its folder, from which services are run."""

    root: Path
    stack: Stack = Stack()
    env: dict[str, str] = Field(default_factory=dict)
    services: dict[Name, Service] = Field(default_factory=dict)
    targets: dict[Name, Target] = Field(default_factory=dict)


def _has_good_port(parts: SplitResult) -> bool:
    """Whether there is no port, or one that exists: it is looked at only when asked for."""
    try:
        return parts.port != 0
    except ValueError:
        return False


def load_config(path: Path) -> Config:
    """Read and check belfry.toml.

    Raises:
        UsageError: there is no such file, or it is not as it should be; names file and key.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"no {path.name} in {path.parent}: "
            "run belfry in the project's folder or set BELFRY_CONFIG"
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    try:
        return Config.model_validate(tables | {"root": path.parent})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{path.name}: {key}: {first['msg'].removeprefix('Value error, ')}"
        ) from None
