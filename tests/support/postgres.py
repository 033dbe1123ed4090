"""A PostgreSQL server of the tests' own: a free port, its own folder, databases and roles."""

import asyncio
import atexit
import functools
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from tests.support.ports import free_port
from tests.support.required import required

PASSWORD = "only-for-tests"
READY_WITHIN_SECONDS = 30.0


class Postgres:
    """One server; `stop` or `kill` it and `start` it again on the same data.

    PostgreSQL refuses to run as root: it then runs as the user `postgres`.
    """

    def __init__(self) -> None:
        self._postgres = required("postgres")
        # Not below pytest's folders: those are closed to other users.
        self._folder = Path(tempfile.mkdtemp(prefix="belfry-postgres-"))
        self._data = self._folder / "data"
        self._user = self._run_as()
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)
        self._initialize()

    def _run_as(self) -> str | None:
        if os.geteuid() != 0:
            return None
        account = pwd.getpwnam("postgres")
        os.chown(self._folder, account.pw_uid, account.pw_gid)
        return account.pw_name

    def _initialize(self) -> None:
        password_file = self._folder / "password"
        password_file.write_text(PASSWORD)
        password_file.chmod(0o644)
        initdb = str(self._postgres.parent / "initdb")
        command = [initdb, "-D", str(self._data), "-U", "postgres", "--auth=scram-sha-256"]
        subprocess.run(
            [*command, "--no-sync", f"--pwfile={password_file}"],
            user=self._user,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            check=True,
            capture_output=True,
        )

    def start(self) -> None:
        """Start and wait until clients are accepted."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": "200",
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._postgres, "-D", self._data, *arguments],
                user=self._user,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while not self._accepts():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL: {(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop in an orderly way, cutting off clients."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End at once, as a crash would."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """Stop and delete all data."""
        self._end(signal.SIGINT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self) -> str:
        """SQLAlchemy URL of an empty database that belongs to a role of its own."""
        name = f"test{next(self._names)}"
        self.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
        self.execute(f"CREATE DATABASE {name} OWNER {name}")
        return f"postgresql+asyncpg://{name}:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    def execute(self, statement: str) -> None:
        """Run a statement as the superuser, outside of any transaction."""
        with ThreadPoolExecutor(1) as thread:  # the caller may have an event loop running
            thread.submit(asyncio.run, self._execute(statement)).result()

    async def _execute(self, statement: str) -> None:
        connection = await self._connect()
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def _connect(self) -> Any:
        return await asyncpg.connect(
            host="127.0.0.1", port=self.port, user="postgres", password=PASSWORD, timeout=5
        )

    def _accepts(self) -> bool:
        try:
            self.execute("SELECT 1")
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        return True

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if how is signal.SIGKILL:
            os.killpg(self._process.pid, how)
        else:
            self._process.send_signal(how)
        self._process.wait(timeout=30)
        self._process = None


@functools.cache
def shared_server() -> Postgres:
    """One server for all tests of the run that need a database and leave the server alone."""
    server = Postgres()
    server.start()
    atexit.register(server.close)
    return server
