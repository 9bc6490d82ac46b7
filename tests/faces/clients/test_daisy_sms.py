"""daisy-sms from PyPI, as it is installed. Its address is fixed: its requests go to the gateway."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from daisy_sms import client as module
from daisy_sms import exceptions
from daisy_sms.models import ActivationStatus
from daisy_sms.service import Service

from adapters.simulator import Fault, FaultKind
from tests.faces.support import DAISY, PHP, Tool, tool_of
from tests.support.gateway import Stand

ITS_ADDRESS = "https://daisysms.com/stubs/handler_api.php"


class Client:
    """The client, each call in a thread, with every answer of the gateway."""

    def __init__(self, url: str, monkeypatch: pytest.MonkeyPatch, key: str = "sk_demo") -> None:
        self.heard: list[requests.Response] = []
        self._client = module.DaisySmsClient(key)

        def get(asked: str) -> requests.Response:
            assert asked.startswith(ITS_ADDRESS)
            answer = requests.get(asked.replace(ITS_ADDRESS, url), timeout=60)
            self.heard.append(answer)
            return answer

        monkeypatch.setattr(module, "requests", SimpleNamespace(get=get))

    async def do(self, name: str, *given: Any) -> Any:
        call: Callable[..., Any] = getattr(self._client, name)
        return await asyncio.to_thread(call, *given)


@pytest.fixture
def tool(stand: Stand) -> Tool:
    return tool_of(stand, path=DAISY)


@pytest.fixture
def client(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> Client:
    return Client(stand.url + DAISY, monkeypatch)


@pytest.fixture(params=[DAISY, PHP], ids=["own path", "shared path"])
def on_both(
    request: pytest.FixtureRequest, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> Client:
    return Client(stand.url + request.param, monkeypatch)


async def test_it_sees_its_balance_and_prices_by_name(on_both: Client) -> None:
    assert await on_both.do("get_balance") == 100.0
    found = {each.name: each for each in await on_both.do("get_prices")}

    assert found["Whatsapp"].code == Service.WHATSAPP.value
    assert (found["Whatsapp"].cost, found["Whatsapp"].count) == (0.55, 120)
    assert found["Whatsapp"].repeatable is True
    assert found["Telegram"].count == 0


async def test_it_rents_waits_and_is_done(on_both: Client, tool: Tool) -> None:
    rented = await on_both.do("rent_number", Service.WHATSAPP, 0.6)
    assert on_both.heard[-1].headers["X-Price"] == "0.55"
    assert (await on_both.do("get_code", rented.id)).status is ActivationStatus.STATUS_WAIT_CODE
    await tool.code(rented.id, "912345")
    told = await on_both.do("get_code", rented.id)
    await on_both.do("mark_rental_as_done", rented.id)

    assert rented.number == int(f"1{tool.sim.books.rentals[rented.id].number}")
    assert (told.status, told.code) == (ActivationStatus.STATUS_OK, 912345)
    assert not tool.sim.books.rentals[rented.id].active
    assert on_both.heard[-1].text == "ACCESS_ACTIVATION"


async def test_it_rents_with_an_area_and_a_carrier(on_both: Client, tool: Tool) -> None:
    wished = SimpleNamespace(value="wa&areas=212,718&carriers=tmo")
    rented = await on_both.do("rent_number", wished, 1.0)

    assert on_both.heard[-1].headers["X-Price"] == "0.77"
    assert tool.sim.journal.received[-1].json == {
        "service": "whatsapp",
        "area_codes": "212,718",
        "lock_area_code": True,
        "carrier": "tmobile",
        "keep_carrier": True,
        "max_price": 1.0,
    }
    assert str(tool.sim.books.rentals[rented.id].number)[:3] in ("212", "718")


async def test_its_refusals_are_the_errors_it_has(
    on_both: Client, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(exceptions.MaxPriceExceededError):
        await on_both.do("rent_number", Service.WHATSAPP, 0.54)
    with pytest.raises(exceptions.NoNumbersLeftError):
        await on_both.do("rent_number", Service.TELEGRAM, 0.60)
    with pytest.raises(exceptions.NoNumbersLeftError):
        await on_both.do("rent_number_long_term", Service.WHATSAPP)
    with pytest.raises(exceptions.BadServiceError):
        await on_both.do("rent_number", SimpleNamespace(value="zz9"), 1.0)
    with pytest.raises(exceptions.WrongRentalIdError):
        await on_both.do("get_code", 999)
    with pytest.raises(exceptions.WrongRentalIdError):
        await on_both.do("mark_rental_as_done", 999)
    stand.sim.change(accounts={"sk_demo": {"balance": "0.10"}})
    with pytest.raises(exceptions.NotEnoughBalanceLeftError):
        await on_both.do("rent_number", Service.WHATSAPP, 1.0)


async def test_it_is_told_of_a_cancel_that_could_not_be_made(client: Client, tool: Tool) -> None:
    rented = await client.do("rent_number", Service.WHATSAPP, 0.6)
    tool.sim.script(Fault("*", FaultKind.STATUS, times=None, status=500))
    with pytest.raises(exceptions.RentalMissingError):
        await client.do("cancel_rental", rented.id)

    assert tool.sim.books.rentals[rented.id].active


async def test_it_is_told_when_a_cancel_comes_too_early(client: Client, tool: Tool) -> None:
    tool.sim.change(cancel_locked=300)
    rented = await client.do("rent_number", Service.WHATSAPP, 0.6)
    with pytest.raises(exceptions.RentalMissingError):
        await client.do("cancel_rental", rented.id)
    tool.sim.advance(301)
    await client.do("cancel_rental", rented.id)

    assert client.heard[-1].text == "ACCESS_CANCEL"
    assert (await client.do("get_code", rented.id)).status is ActivationStatus.STATUS_CANCEL
    assert await client.do("get_balance") == 100.0
