from collections.abc import AsyncIterator

import pytest

from tests.support.gateway import Client, ScriptedStand, Stand, run_scripted, run_simulated


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    async with run_simulated() as stand:
        yield stand


@pytest.fixture
def client(stand: Stand) -> Client:
    return stand.client


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedStand]:
    async with run_scripted() as stand:
        yield stand
