"""The version table: which server, at which version, built from what."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Final

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict, Field, model_validator

TABLE: Final = Path(__file__).parent / "versions.toml"


class Pinned(BaseModel):
    """One server's row of versions.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    accepts: str
    path_names: tuple[str, ...] = Field(min_length=1)
    image: str
    licence: str
    module: str | None = None
    module_version: str | None = None
    packages: tuple[str, ...] = ()
    binaries: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    version_symbol: str = ""
    build_seconds: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_executable_a_package(self) -> "Pinned":
        if len(self.packages) != len(self.binaries):
            raise ValueError("packages and binaries must pair up")
        SpecifierSet(self.accepts)
        return self

    @property
    def buildable(self) -> bool:
        """Whether there is a Go module to build it from."""
        return bool(self.packages)

    def fits(self, version: str) -> bool:
        """Whether a server of this version runs on our configuration files."""
        try:
            return SpecifierSet(self.accepts).contains(Version(version))
        except InvalidVersion:
            return False


@cache
def versions(table: Path = TABLE) -> dict[str, Pinned]:
    """Read the table: every server's row by its name.

    Raises:
        pydantic.ValidationError: a row lacks something or has something unknown.
    """
    rows = tomllib.loads(table.read_text(encoding="utf-8"))
    return {name: Pinned.model_validate(row) for name, row in rows.items()}
