"""A service's own database: SQLite by default, PostgreSQL by URL, the same code for both.

A service declares its tables on a base of its own and opens the database in its app module:

    class Base(DeclarativeBase): ...

    db = Database(settings.database, "catalog")
    async with db.session() as session:   # commits at the end, rolls back on an error
        …
"""

import asyncio
import hashlib
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import DateTime, column, event, inspect, make_url, select, text
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.types import TypeDecorator

from observability import get_logger, instrument_engine
from services.kit.problems import Problem
from services.kit.sqlite import make_durable

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

BUSY_SECONDS = 10.0
POOL_SIZE = 5
POOL_WAIT_SECONDS = 3.0
"""Less than callers wait for an answer: they are to hear what is wrong."""
READ_ONLY = "belfry_read_only"
AWAY = ("08", "53", "57P")
"""PostgreSQL's codes of errors that pass: no connection, no resources, starting up or stopping."""
SERVICES = Path(__file__).parent.parent

log = get_logger(__name__)


class MigrationError(Exception):
    """A database could not be brought to the newest version."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: always with its time zone, UTC, also on SQLite that knows none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC before it is stored."""
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """What comes back without a zone was stored as UTC."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


def utc_now() -> datetime:
    """The present moment, UTC."""
    return datetime.now(UTC)


class Database:
    """One service's database.

    Args:
        url: SQLAlchemy URL; on PostgreSQL `?schema=NAME` keeps the tables in a schema of that
            name, which is created if missing.
        service: name of the service, for telemetry and to find `services/<name>/migrations`.
        migrations: folder of the migrations, where it is another.
    """

    def __init__(self, url: str, service: str, *, migrations: Path | None = None) -> None:
        self.service = service
        self._migrations = migrations or SERVICES / service / "migrations"
        self._url = make_url(url)
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        # Only the dialect in use: each takes megabytes.
        self._dialect = import_module(f"sqlalchemy.dialects.{self._url.get_backend_name()}")
        self.schema = None if self._is_sqlite else self._url.query.get("schema")
        self.engine = create_async_engine(
            self._url.difference_update_query(["schema"]),
            connect_args=self._connect_args(),
            pool_size=POOL_SIZE,
            max_overflow=POOL_SIZE,
            pool_timeout=POOL_WAIT_SECONDS,
            pool_pre_ping=not self._is_sqlite,
        )
        if self._is_sqlite:
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_sqlite)
        instrument_engine(self.engine, system=self._url.get_backend_name(), namespace=service)
        self._writing = asyncio.Lock()
        self._write = async_sessionmaker(self.engine, expire_on_commit=False)
        reader = self.engine.execution_options(**{READ_ONLY: True})
        self._read = async_sessionmaker(reader, expire_on_commit=False)

    def _connect_args(self) -> dict[str, Any]:
        if self._is_sqlite:
            return {"timeout": BUSY_SECONDS}
        settings = {"application_name": self.service}
        if self.schema:
            settings["search_path"] = self._dialect.dialect().identifier_preparer.quote(
                str(self.schema)
            )
        return {"timeout": 5, "command_timeout": 15, "server_settings": settings}

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A session in one transaction: committed at the end, rolled back on an error.

        On SQLite it holds the write lock from its start, so that a read followed by a write never
        fails halfway; for reading alone use `read`, and open none inside another.

        Raises:
            Problem: 503, the database cannot be reached or is too busy.
        """
        async with _unavailable_as_problem(self.service), self._turn(), self._write.begin() as new:
            yield new

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """On SQLite writers of one process queue here: in its file they would poll, unfairly."""
        if not self._is_sqlite:
            yield
            return
        async with asyncio.timeout(BUSY_SECONDS):
            await self._writing.acquire()
        try:
            yield
        finally:
            self._writing.release()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session for reading, that waits for no writer.

        Raises:
            Problem: 503, as for `session`.
        """
        async with _unavailable_as_problem(self.service), self._read() as session:
            yield session

    def insert(self, table: Any) -> "sqlite.Insert | postgresql.Insert":
        """`INSERT` with `on_conflict_do_nothing` and `on_conflict_do_update`."""
        statement: sqlite.Insert | postgresql.Insert = self._dialect.insert(table)
        return statement

    async def migrate(self, *, apart: bool = False) -> None:
        """Bring the tables to the newest version; replicas that start together take turns.

        Args:
            apart: do it in a process of its own, so that this one keeps none of what it takes.

        Raises:
            MigrationError: that process failed; says why.
        """
        newest = max(path.name.split("_")[0] for path in self._migrations.glob("v*.py"))
        async with self.engine.begin() as connection:
            await connection.run_sync(self._lock_for_migration)
            if await connection.run_sync(self._version) == newest:
                return
            if not apart:
                await connection.run_sync(self._upgrade)
        if apart:
            await self._upgrade_apart()
        log.info("database_migrated", database=self.service, version=newest)

    def _version(self, connection: Connection) -> str | None:
        """The version of the tables, without loading alembic: most starts find it the newest."""
        table = f"schema_version_{self.service}"
        if not inspect(connection).has_table(table):
            return None
        version: str | None = connection.scalar(
            select(column("version_num")).select_from(text(table))
        )
        return version

    def _upgrade(self, connection: Connection) -> None:
        logging.getLogger("alembic").setLevel(logging.WARNING)
        from services.kit import migrate  # noqa: PLC0415 - see `_version`

        migrate.upgrade(connection, self._migrations, self.service)

    async def _upgrade_apart(self) -> None:
        """The address may hold a password: it goes through a pipe that nobody else can read."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.kit.migrate", "--apply"),
            *(self.service, str(self._migrations)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        address = self._url.render_as_string(hide_password=False)
        _, said = await process.communicate(address.encode())
        if process.returncode:
            lines = said.decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise MigrationError(f"the database of {self.service}: {lines[-1]}")

    def _lock_for_migration(self, connection: Connection) -> None:
        """SQLite's transaction holds the write lock already; PostgreSQL is asked for one."""
        if self._is_sqlite:
            return
        key = int.from_bytes(hashlib.blake2b(self.service.encode(), digest_size=7).digest())
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
        # Not IF NOT EXISTS: that demands the right to create schemas with nothing to create.
        if self.schema and self.schema not in inspect(connection).get_schema_names():
            name = connection.dialect.identifier_preparer.quote(str(self.schema))
            connection.execute(text(f"CREATE SCHEMA {name}"))

    async def ping(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            Problem: 503, there is none.
        """
        async with self.read() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


@asynccontextmanager
async def _unavailable_as_problem(service: str) -> AsyncIterator[None]:
    """Turn a database that is away or too busy into a 503, and nothing else."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError, OSError) as error:
        raise _unavailable(service, error) from error
    except DBAPIError as error:
        code = getattr(error.orig, "sqlstate", None) or ""
        if not error.connection_invalidated and not code.startswith(AWAY):
            raise
        raise _unavailable(service, error) from error


def _unavailable(service: str, error: Exception) -> Problem:
    log.error("database_unavailable", database=service, error=type(error).__name__)
    return Problem(503, "Database unavailable", f"The database of {service} does not answer.")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Settings of a new SQLite connection."""
    connection.isolation_level = None  # the driver must not begin transactions by itself
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")
    make_durable(cursor)
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """A writing transaction takes the write lock first: it waits instead of failing later."""
    read_only = connection.get_execution_options().get(READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
