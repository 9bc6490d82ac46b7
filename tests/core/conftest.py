from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.store import Store, open_store
from tests.support.ledger import new_id


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:///{tmp_path / 'gateway.db'}", new_id=new_id) as opened:
        yield opened
