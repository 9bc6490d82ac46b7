from collections.abc import AsyncIterator

import pytest

from tests.support.gateway import Client, new_database
from tests.support.money import Bank, open_bank
from tests.support.stores import postgres, postgres_url, store_url

__all__ = ["postgres", "postgres_url", "store_url"]


@pytest.fixture
async def bank() -> AsyncIterator[Bank]:
    """On SQLite: what holds for both stores is tested on both elsewhere."""
    async with open_bank(new_database()) as bank:
        yield bank


@pytest.fixture
def client(bank: Bank) -> Client:
    """With a key of the provider's own."""
    return bank.client
