"""A secret that is not the database's is told at the start, before anything is sold."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from adapters.store import StoreError
from gateway.core.model.callers import Limits
from gateway.wiring import Gateway, open_gateway
from tests.support.gateway import settings
from tests.support.keys import make_key
from tests.support.ledger import intent

SECRET = "the secret of a whole test, long enough"
OTHER = "another secret of a test, long enough"
OWN = "sk_the_servers_own"


@asynccontextmanager
async def opened(url: str, *, trust_secret: bool = False, **more: Any) -> AsyncIterator[Gateway]:
    given = settings("http://127.0.0.1:9", gateway_database_url=url, **more)
    async with open_gateway(given, trust_secret=trust_secret) as gateway:
        yield gateway


async def refused(url: str, **more: Any) -> str:
    with pytest.raises(StoreError) as told:
        async with opened(url, **more):
            pass
    return str(told.value)


async def of_before(url: str, secret: str | None = SECRET) -> str:
    """A ledger with a purchase and a key and no check value, as of an older version; the key."""
    async with opened(url, gateway_secret=secret, getatext_api_key=OWN) as gateway:
        key = await make_key(gateway, "a shop", Limits())
        own = gateway.callers.own
        assert own is not None
        await gateway.ledger.begin(intent(account_id=own.id, caller_id=own.id))
    await forget_check(url)
    return key


async def forget_check(url: str) -> None:
    """The check value is gone, as if it had never been written."""
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            connection.execute("DELETE FROM checks")
        return
    connection = await asyncpg.connect(url)
    await connection.execute("DELETE FROM checks")
    await connection.close()


async def test_a_ledger_opens_with_its_secret_only(store_url: str) -> None:
    async with opened(store_url, gateway_secret=SECRET):
        pass
    async with opened(store_url, gateway_secret=SECRET):
        told = await refused(store_url, gateway_secret=OTHER)

    assert "GATEWAY_SECRET" in told
    assert SECRET not in told
    assert OTHER not in told


async def test_of_two_nodes_that_begin_a_ledger_with_two_secrets_one_starts(store_url: str) -> None:
    async def start(secret: str) -> bool:
        try:
            async with opened(store_url, gateway_secret=secret):
                return True
        except StoreError:
            return False

    assert sorted(await asyncio.gather(start(SECRET), start(OTHER))) == [False, True]


async def test_a_file_that_is_missing_is_told_and_none_is_made(tmp_path: Path) -> None:
    url, file = f"sqlite:///{tmp_path / 'gateway.db'}", tmp_path / "gateway.secret"
    async with opened(url):
        kept = file.read_bytes()
    file.unlink()
    told = await refused(url)
    made = file.exists()
    file.write_bytes(kept)
    async with opened(url):
        pass

    assert str(file) in told
    assert "backup" in told
    assert not made


@pytest.mark.parametrize("secret", ["short", "x" * 31])
async def test_a_new_ledger_wants_a_long_secret(store_url: str, secret: str) -> None:
    told = await refused(store_url, gateway_secret=secret)

    assert f"has {len(secret)} characters, and needs 32" in told
    assert "token_hex" in told


async def test_a_new_ledger_takes_no_empty_file(tmp_path: Path) -> None:
    (tmp_path / "gateway.secret").touch()
    told = await refused(f"sqlite:///{tmp_path / 'gateway.db'}")

    assert "has 0 characters" in told
    assert "Delete the file" in told


async def test_a_ledger_of_before_takes_the_secret_that_knows_a_key(store_url: str) -> None:
    key = await of_before(store_url)
    unsure = await refused(store_url, gateway_secret=SECRET)
    wrong = await refused(store_url, gateway_secret=OTHER, getatext_api_key=OWN, gateway_key=key)
    async with opened(store_url, gateway_secret=SECRET, gateway_key=key):
        pass
    async with opened(store_url, gateway_secret=SECRET):  # from here on the check value tells
        later = await refused(store_url, gateway_secret=OTHER, getatext_api_key=OWN)

    assert all("serve --trust-secret" in told for told in (unsure, wrong))
    assert "not the one this database was made with" in later


async def test_the_key_of_the_own_account_will_do_too(store_url: str) -> None:
    await of_before(store_url)
    async with opened(store_url, gateway_secret=SECRET, getatext_api_key=OWN):
        pass


async def test_an_operator_can_vouch_for_a_secret_once(store_url: str) -> None:
    await of_before(store_url)
    async with opened(store_url, gateway_secret=SECRET, trust_secret=True):
        pass
    told = await refused(store_url, gateway_secret=OTHER, trust_secret=True)

    assert "not the one this database was made with" in told


async def test_a_short_secret_of_before_is_warned_of(
    store_url: str,
) -> None:
    await of_before(store_url)
    with capture_logs() as lines:
        async with opened(store_url, gateway_secret="short", trust_secret=True):
            pass

    assert [line["event"] for line in lines if line["log_level"] == "warning"] == [
        "the secret is short"
    ]
