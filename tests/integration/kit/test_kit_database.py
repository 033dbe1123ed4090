"""The database port: the same behaviour on SQLite and on PostgreSQL."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, make_url, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from services.cart.model import Cart
from services.kit.database import SERVICES, Database, MigrationError
from services.kit.problems import Problem
from tests.support.postgres import Postgres, shared_server

WITH_DATABASE = sorted(
    path.parent.name for path in SERVICES.glob("*/migrations") if path.parent.name != "kit"
)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """The cart's database, migrated."""
    db = Database(database_url, "cart")
    await db.migrate()
    yield db
    await db.close()


async def carts(db: Database) -> list[str]:
    async with db.read() as session:
        return sorted(await session.scalars(select(Cart.account_id)))


def cart(account_id: str) -> Cart:
    return Cart(account_id=account_id, updated_at=datetime.now(UTC), revision=1)


async def test_a_session_commits_as_a_whole_or_not_at_all(db: Database) -> None:
    """An error takes back what was written before it."""
    async with db.session() as session:
        session.add(cart("kept"))

    async def fail() -> None:
        async with db.session() as session:
            session.add(cart("lost"))
            await session.flush()
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await fail()
    assert await carts(db) == ["kept"]


async def test_moments_keep_their_zone(db: Database) -> None:
    """Whatever the zone of what is stored, what comes back is UTC."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5)))
    async with db.session() as session:
        session.add(Cart(account_id="a", updated_at=moment, revision=1))
    async with db.read() as session:
        found = await session.scalar(select(Cart.updated_at))
    assert found == moment
    assert found.utcoffset() == timedelta(0)


async def test_reading_and_then_writing_at_once_never_fails_halfway(db: Database) -> None:
    """Sessions that read first and write then wait for each other."""
    async with db.session() as session:
        session.add(cart("counter"))

    async def step() -> None:
        async with db.session() as session:
            await session.scalar(select(Cart).where(Cart.account_id == "counter").with_for_update())
            await session.execute(text("UPDATE carts SET updated_at = updated_at"))

    await asyncio.gather(*(step() for _ in range(30)))


async def test_writers_of_one_process_take_turns_in_the_order_they_came(tmp_path: Path) -> None:
    """On SQLite, where waiting in the file would let some wait for seconds."""
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/turns.db", "cart")
    await db.migrate()
    served = []

    async def write(number: int) -> None:
        async with db.session() as session:
            session.add(cart(str(number)))
            await session.flush()
            served.append(number)

    await asyncio.gather(*(write(number) for number in range(30)))
    assert served == list(range(30))
    await db.close()


async def test_readers_do_not_wait_for_a_writer(db: Database) -> None:
    """What is not committed yet is not seen."""
    async with db.session() as session:
        session.add(cart("a"))
        await session.flush()
        async with asyncio.timeout(1):
            assert await carts(db) == []


@pytest.mark.parametrize("service", WITH_DATABASE)
async def test_the_migrations_of_every_service_lead_to_its_model(
    database_url: str, service: str
) -> None:
    """A change of a model without a migration is found here; migrating again changes nothing."""
    db = Database(database_url, service)
    for _ in range(2):
        await db.migrate()

    def differences(connection: Connection) -> list[Any]:
        options = {"version_table": f"schema_version_{service}"}
        context = MigrationContext.configure(connection, opts=options)
        return list(
            compare_metadata(context, import_module(f"services.{service}.model").Base.metadata)
        )

    async with db.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await db.close()


async def test_services_may_share_a_database_server_by_schema() -> None:
    """Each has its tables, also of the same name, in the schema of its URL."""
    url = shared_server().new_database()
    one, other = (Database(f"{url}?schema={name}", "cart") for name in ("one", "Other-2"))
    for db in (one, other):
        await db.migrate()
    async with one.session() as session:
        session.add(cart("a"))
    assert await carts(one) == ["a"]
    assert await carts(other) == []
    async with one.read() as session:
        names = text("SELECT table_schema FROM information_schema.tables WHERE table_name='carts'")
        assert sorted(await session.scalars(names)) == ["Other-2", "one"]
    for db in (one, other):
        await db.close()


async def test_a_role_needs_no_more_rights_than_on_its_own_schema() -> None:
    """Where an administrator has made it: creating schemas is not the service's business."""
    server = shared_server()
    server.execute("CREATE ROLE modest LOGIN PASSWORD 'only-for-tests'")
    url = server.new_database()
    owner = create_async_engine(url)
    async with owner.begin() as connection:
        await connection.execute(text("CREATE SCHEMA modest"))
        await connection.execute(text("GRANT ALL ON SCHEMA modest TO modest"))
    await owner.dispose()
    own = make_url(url).set(
        username="modest", password="only-for-tests", query={"schema": "modest"}
    )
    db = Database(own.render_as_string(hide_password=False), "cart")
    await db.migrate()
    await db.migrate()
    assert await carts(db) == []
    await db.close()


async def test_a_commit_is_on_the_disk_when_it_returns(tmp_path: Path) -> None:
    """As is a message of the queue: after a power cut both are there or neither."""
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/test.db", "cart")
    full = 2
    async with db.session() as session:
        assert await session.scalar(text("PRAGMA synchronous")) == full
        assert await session.scalar(text("PRAGMA journal_mode")) == "wal"
    await db.close()


async def test_a_postgresql_that_is_away_is_a_503_and_then_works_again() -> None:
    """No restart of the service, and no stale connection shown to a user afterwards."""
    server = Postgres()
    try:
        server.start()
        db = Database(server.new_database(), "cart")
        await db.migrate()
        assert await carts(db) == []
        server.kill()
        for attempt in (carts(db), db.ping()):
            with pytest.raises(Problem) as caught:
                await attempt
            assert caught.value.status == 503
        server.start()
        assert await carts(db) == []
        await db.close()
    finally:
        server.close()


async def test_a_postgresql_that_takes_no_connection_now_is_a_503() -> None:
    """As one that is starting, stopping or has too many users says itself: it passes."""
    server = shared_server()
    url = server.new_database()
    role = url.rpartition("/")[2]
    db = Database(url, "cart")
    server.execute(f"ALTER ROLE {role} CONNECTION LIMIT 0")
    with pytest.raises(Problem) as caught:
        await db.ping()
    assert caught.value.status == 503
    server.execute(f"ALTER ROLE {role} CONNECTION LIMIT -1")
    await db.ping()
    await db.close()


async def test_a_sqlite_folder_of_many_processes_is_opened_at_once(tmp_path: Path) -> None:
    """Eight databases on one new file: none is told that it is locked."""
    url = f"sqlite+aiosqlite:///{tmp_path}/new.db"
    opened = [Database(url, "cart") for _ in range(8)]
    await asyncio.gather(*(db.migrate() for db in opened))
    async with opened[0].read() as session:
        assert await session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert await session.scalar(text("PRAGMA foreign_keys")) == 1
    for db in opened:
        await db.close()


async def test_a_migration_apart_leaves_the_same_tables_and_nothing_in_memory(
    database_url: str,
) -> None:
    """The service does not load what it needs once in its life."""
    program = (
        "import asyncio, sys\n"
        "from services.kit.database import Database\n"
        "async def main() -> None:\n"
        "    db = Database(sys.argv[1], 'cart')\n"
        "    await db.migrate(apart=True)\n"
        "    await db.ping()\n"
        "    await db.close()\n"
        "asyncio.run(main())\n"
        "assert 'alembic' not in sys.modules\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, database_url)
    assert await process.wait() == 0

    db = Database(database_url, "cart")
    async with db.session() as session:
        session.add(cart("a"))
    assert await carts(db) == ["a"]
    await db.close()


async def test_a_migration_apart_that_fails_says_why(tmp_path: Path) -> None:
    """In one line, as a service that does not start says why."""
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "v0001_broken.py").write_text(
        "revision = 'v0001'\ndown_revision = None\n"
        "def upgrade():\n    raise ValueError('no luck')\n"
    )
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/apart.db", "cart", migrations=versions)
    with pytest.raises(MigrationError, match="the database of cart: ValueError: no luck"):
        await db.migrate(apart=True)
    await db.close()
