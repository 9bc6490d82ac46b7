import sys
from typing import Any

import pytest

from adapters.store import BadUrl, StoreError, Unreachable, open_store
from tests.support.ledger import NOW, intent, new_id
from tests.support.postgres import Postgres
from tests.support.waiting import until

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


async def test_a_dead_connection_costs_one_call_at_most(postgres: Postgres) -> None:
    with postgres.database() as url:
        async with open_store(url, new_id=new_id) as store:
            await store.ledger.begin(intent())
            postgres.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()",
                url,
            )

            async def answers() -> bool:
                try:
                    return await store.ledger.begin(intent()) is None
                except StoreError:
                    return False

            await until(answers)


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
    for name in ("open_postgres", "postgres", "postgres_owners"):
        monkeypatch.delitem(sys.modules, f"adapters.store.{name}", raising=False)

    with pytest.raises(StoreError, match=r"getatext-gateway\[postgres\]"):
        await opened("postgresql://localhost/x")
