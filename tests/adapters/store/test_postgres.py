import asyncio
import sys
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from adapters.store import BadUrl, StoreError, Unreachable, open_store
from adapters.store.postgres import liveness
from gateway.core.model.purchases import SpendState
from tests.support.ledger import NOW, intent, new_id
from tests.support.postgres import Postgres
from tests.support.waiting import until

EVENTS = 5120967302718465930
WAITERS = "SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
HOLDER = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"  # noqa: E501


async def opened(url: str) -> None:
    async with open_store(url, new_id=new_id):
        pass


async def test_a_lost_lock_is_taken_again_under_the_same_name(postgres: Postgres) -> None:
    with postgres.database() as url:
        async with (
            open_store(url, new_id=new_id) as one,
            open_store(url, new_id=new_id) as two,
        ):
            wanted = intent()
            await one.ledger.begin(wanted)
            before = postgres.sql(HOLDER, url).split()
            postgres.sql(f"SELECT pg_terminate_backend(pid) FROM ({HOLDER}) AS holder", url)

            def both_are_back() -> bool:
                now = postgres.sql(HOLDER, url).split()
                return len(now) == 2 and not set(now) & set(before)

            await until(both_are_back)

            assert await two.ledger.recover(NOW) == []
            assert await one.ledger.mark_sent(wanted.ledger_id, NOW)


async def test_recovery_locks_no_sums_once_it_has_written_an_event(postgres: Postgres) -> None:
    left = [intent(ledger_id=name, at=NOW + timedelta(seconds=n)) for n, name in enumerate("ab")]
    with postgres.database() as url:
        async with open_store(url, new_id=new_id) as dead:
            for each in left:
                await dead.ledger.begin(each)
            await dead.ledger.mark_sent("a", NOW)
        connection = await asyncpg.connect(url)
        async with open_store(url, new_id=new_id) as alive:
            async with connection.transaction():
                await connection.execute("SET LOCAL deadlock_timeout = '50ms'")
                await connection.execute("SELECT * FROM totals FOR UPDATE")
                recovery = asyncio.create_task(alive.ledger.recover(NOW))

                async def it_waits() -> bool:
                    return bool(await connection.fetchval(WAITERS))

                await until(it_waits)
                await connection.execute(f"SELECT pg_advisory_xact_lock({EVENTS})")
            recovered = await recovery
        await connection.close()

    assert [spend.ledger_id for spend in recovered] == ["a"]


async def test_who_looks_while_a_dead_ones_purchases_are_ended_waits_for_their_ends(
    postgres: Postgres,
) -> None:
    wanted = intent()
    with postgres.database() as url:
        async with open_store(url, new_id=new_id) as dead:
            await dead.ledger.begin(wanted)
            await dead.ledger.begin(intent(fingerprint="another"))  # whose sum it waits for
            await dead.ledger.mark_undelivered(wanted.ledger_id, NOW)
            await dead.ledger.mark_sent(wanted.ledger_id, NOW)
        connection = await asyncpg.connect(url)
        async with open_store(url, new_id=new_id) as alive:
            async with connection.transaction():
                await connection.execute("SELECT * FROM totals FOR UPDATE")
                recovery = asyncio.create_task(alive.ledger.recover(NOW))

                async def waiting(count: int) -> bool:
                    return bool(await connection.fetchval(WAITERS) >= count)

                await until(partial(waiting, 1))
                looks = [
                    asyncio.create_task(
                        alive.ledger.find_abandoned("caller", "rent whatsapp", NOW, NOW)
                    )
                    for _ in range(2)
                ]
                await asyncio.wait(looks, timeout=0.5)
                ended = [look.done() for look in looks]
            await recovery
            found = await asyncio.gather(*looks)
        await connection.close()

    assert ended == [False, False]
    assert [spend and spend.state for spend in found] == [SpendState.UNKNOWN] * 2


class Relay:
    """A TCP relay to the server; closing it aborts its connections and refuses new ones."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        (folder,) = parse_qs(where.query)["host"]
        self._socket = f"{folder}/.s.PGSQL.5432"
        self._database = where.path
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """The database, through this relay."""
        return f"postgresql://postgres@127.0.0.1:{self.port}{self._database}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._socket)
        self._writers |= {writer, back}
        await asyncio.gather(_copy(reader, back), _copy(there, writer))
        self._writers -= {writer, back}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.transport.abort()


def record_refusals(monkeypatch: pytest.MonkeyPatch) -> list[OSError]:
    """The errors of reconnecting while the server is away."""
    connect, refused = liveness.LockLiveness._connect, list[OSError]()

    async def connect_or_record(lock: liveness.LockLiveness) -> None:
        try:
            await connect(lock)
        except OSError as error:
            refused.append(error)
            raise

    monkeypatch.setattr(liveness.LockLiveness, "_connect", connect_or_record)
    return refused


async def test_a_lock_lost_with_its_server_is_taken_again_when_that_is_back(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "_PAUSE", 0.02)
    refused = record_refusals(monkeypatch)
    with postgres.database() as url:
        relay = Relay(url)
        await relay.open()
        async with open_store(relay.url, new_id=new_id):
            await relay.close()
            await until(lambda: refused)
            assert not postgres.sql(HOLDER, url)
            await relay.open()

            await until(lambda: postgres.sql(HOLDER, url))
        await relay.close()


async def test_a_dead_connection_costs_one_call_at_most(postgres: Postgres) -> None:
    with postgres.database() as url:
        async with open_store(url, new_id=new_id) as store:
            await store.ledger.begin(intent())
            postgres.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()",
                url,
            )

            with suppress(StoreError):
                await store.ledger.begin(intent())

            assert await store.ledger.begin(intent()) is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:s3cret@127.0.0.1:1/x",
        "postgres://u:s3cret@127.0.0.1:1/x",
        "postgresql+asyncpg://u:s3cret@127.0.0.1:1/x",
    ],
)
async def test_a_server_that_is_not_there_is_said(url: str) -> None:
    with pytest.raises(Unreachable, match="PostgreSQL cannot be reached") as caught:
        await opened(url)

    assert "s3cret" not in str(caught.value)


async def test_a_database_that_is_not_there_is_said(postgres: Postgres) -> None:
    with pytest.raises(Unreachable, match='"nowhere" does not exist'):
        await opened(postgres.url("nowhere"))


@pytest.mark.parametrize("url", ["postgresql://u:s3/cret@host:1/x", "postgresql://u@h:s3cret/x"])
async def test_a_url_that_is_not_understood_does_not_give_its_password_away(url: str) -> None:
    with pytest.raises(BadUrl) as caught:
        await opened(url)

    assert "cret" not in str(caught.value)


async def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    absent: Any = None
    monkeypatch.setitem(sys.modules, "asyncpg", absent)
    for name in ("opening", "database", "liveness"):
        monkeypatch.delitem(sys.modules, f"adapters.store.postgres.{name}", raising=False)

    with pytest.raises(StoreError, match=r"getatext-gateway\[postgres\]"):
        await opened("postgresql://localhost/x")
