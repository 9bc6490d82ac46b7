"""Real clients from the registry do everything they are for, changing only their address."""

from collections.abc import AsyncIterator

import pytest

from adapters.simulator import DEMO_KEY
from tests.faces.clients.drivers import DRIVERS, Driver, driving, expect_installed
from tests.faces.clients.npm_driver import Refused
from tests.faces.support import NOBODY, PHP
from tests.support.gateway import Stand
from tests.support.waiting import until


@pytest.fixture(params=DRIVERS)
def name(request: pytest.FixtureRequest) -> str:
    client: str = request.param
    expect_installed(client)
    return client


@pytest.fixture
async def client(name: str, stand: Stand) -> AsyncIterator[Driver]:
    async with driving(name, stand.url + PHP, DEMO_KEY) as client:
        yield client


async def test_it_sees_its_balance_and_prices(client: Driver, name: str) -> None:
    assert await client.balance() == 100.0
    assert await client.price() == (None if name == "smsactivateru" else 0.55)


async def test_it_buys_a_number_reads_its_code_and_completes_it(
    client: Driver, stand: Stand
) -> None:
    rental_id, number = await client.buy("wa")
    rental = stand.sim.books.rentals[int(rental_id)]

    assert number == f"1{rental.number}"
    assert await client.code(rental_id) is None

    stand.sim.receive_code(int(rental_id), "012345")

    async def told() -> bool:
        return await client.code(rental_id) == "012345"

    await until(told)
    assert await client.done(rental_id) == "ACCESS_ACTIVATION"
    assert await client.done(rental_id) == "ACCESS_ACTIVATION"
    assert not stand.sim.books.rentals[int(rental_id)].active
    assert await client.balance() == 99.45


async def test_it_gives_a_number_back(client: Driver) -> None:
    rental_id, _ = await client.buy("wa")

    assert await client.balance() == 99.45
    assert await client.cancel(rental_id) == "ACCESS_CANCEL"
    assert await client.balance() == 100.0


@pytest.mark.parametrize(
    ("service", "token"),
    [("zz9", "BAD_SERVICE"), ("tg", "NO_NUMBERS")],
    ids=["unknown", "sold out"],
)
async def test_it_meets_a_refusal(client: Driver, name: str, service: str, token: str) -> None:
    with pytest.raises(Refused) as met:
        await client.buy(service)

    said = str(met.value).replace("NoNumbers", "NO_NUMBERS")
    # This one reads every answer to a purchase as JSON, and says only where that failed.
    assert token in said or (name == "async_sms_activate" and "JSONDecodeError" in said)


async def test_it_meets_a_wrong_key(name: str, stand: Stand) -> None:
    async with driving(name, stand.url + PHP, NOBODY) as stranger:
        with pytest.raises(Refused, match="BAD_KEY"):
            await stranger.balance()
        with pytest.raises(Refused, match=r"BAD_KEY|JSONDecodeError"):
            await stranger.buy("wa")
    assert not stand.sim.books.rentals
