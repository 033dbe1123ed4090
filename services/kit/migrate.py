"""Migrations by alembic, run when a service starts: in its own process, or apart in one of these.

A service keeps its versions as modules in `services/<name>/migrations/`, the first one creating
the tables. To write a new one after a change of the model:

    python -m services.kit.migrate catalog "what changes"
"""

import asyncio
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, create_engine

from services.kit.database import Database

ENVIRONMENT = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, versions: Path, service: str) -> None:
    """Apply the versions that are missing, inside the connection's transaction.

    Args:
        connection: one in a transaction that keeps other migrations out.
        versions: folder of the service's migrations.
        service: names the table that records the version, so that services may share a database.
    """
    command.upgrade(_config(connection, versions, service), "head")


def draft(connection: Connection, versions: Path, service: str, metadata: MetaData) -> None:
    """Write the migration from the connected database to the model; `sys.argv[2]` describes it."""
    config = _config(connection, versions, service)
    config.attributes["metadata"] = metadata
    number = len(list(versions.glob("v*.py"))) + 1
    command.revision(config, sys.argv[2], autogenerate=True, rev_id=f"v{number:04}")


def _config(connection: Connection, versions: Path, service: str) -> Config:
    config = Config()
    for option, value in {
        "script_location": str(ENVIRONMENT),
        "version_locations": str(versions),
        "path_separator": "newline",
        "file_template": "%(rev)s_%(slug)s",
    }.items():
        config.set_main_option(option, value.replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = f"schema_version_{service}"
    return config


async def apply(address: str, versions: Path, service: str) -> None:
    """Apply what is missing to the database at an address; see `upgrade`."""
    database = Database(address, service, migrations=versions)
    try:
        await database.migrate()
    finally:
        await database.close()


def main() -> None:
    """Draft a migration by comparing the model with a database at the newest version.

    Or `--apply SERVICE FOLDER` those of a folder to the database whose address is on stdin.
    """
    if sys.argv[1] == "--apply":
        asyncio.run(apply(sys.stdin.read(), Path(sys.argv[3]), sys.argv[2]))
        return
    service = sys.argv[1]
    versions = ENVIRONMENT.parent.parent / service / "migrations"
    base = import_module(f"services.{service}.model").Base
    with TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/draft.db")
        with engine.begin() as connection:
            upgrade(connection, versions, service)
        with engine.begin() as connection:
            draft(connection, versions, service, base.metadata)


if __name__ == "__main__":
    main()
