from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import ClientSession

from adapters.simulator import Simulator
from tests.adapters.simulator.support import BOB, Clock, Customer, config


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sim(clock: Clock) -> AsyncIterator[Simulator]:
    async with Simulator(config(clock)).running() as simulator:
        yield simulator


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


@pytest.fixture
def alice(sim: Simulator, session: ClientSession) -> Customer:
    return Customer(session, sim)


@pytest.fixture
def bob(alice: Customer) -> Customer:
    return replace(alice, key=BOB)
