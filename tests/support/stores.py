"""The fixtures of whatever runs on both databases."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from adapters.store import Store, open_store
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.storage import Keys
from tests.support.ledger import new_id
from tests.support.postgres import Postgres, running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: Postgres) -> Iterator[str]:
    with postgres.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store: a file that is not there yet, or a migrated database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'data' / 'gateway.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    url: str = request.getfixturevalue("postgres_url")
    server.empty(url)
    return url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with open_store(store_url, new_id=new_id) as opened:
        yield opened


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return store.ledger


@pytest.fixture
def keys(store: Store) -> Keys:
    return store.keys
