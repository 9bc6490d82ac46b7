"""Where no request id can be sent: a number nobody was told of goes to who asks the same again."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY, Fault, FaultKind
from gateway.core.answers import Answer
from gateway.core.invoke import Call
from gateway.core.rentals import Rental
from gateway.core.renting import RENT_NUMBER
from tests.support.gateway import new_database
from tests.support.money import OWN, RENT, Bank, open_bank
from tests.support.waiting import until


class Tool:
    """A caller on a face without request ids."""

    def __init__(self, bank: Bank, key: str = DEMO_KEY, *, hands_over: bool = True) -> None:
        self.bank, self.key, self.hands_over = bank, key, hands_over
        self.gateway = bank.running.gateway

    async def rent(self, **wish: Any) -> Answer[Rental]:
        caller = await self.gateway.callers.identify(self.key)
        call = Call(caller, "trace", hands_over=self.hands_over)
        return await self.gateway.invoker.answer(RENT_NUMBER, call, {**RENT, **wish})

    async def rent_and_hang_up(self) -> Answer[Rental]:
        answer = await self.rent()
        assert answer.purchase is not None
        await self.gateway.invoker.undelivered(answer.purchase)
        return answer


async def test_it_goes_to_the_same_caller_asking_the_same_once(bank: Bank) -> None:
    tool = Tool(bank)
    lost = await tool.rent_and_hang_up()
    found, new = [await tool.rent() for _ in range(2)]

    assert found.body == lost.body
    assert found.replayed
    assert new.value.id != lost.value.id
    assert bank.rents == 2


async def test_of_many_that_ask_at_once_one_gets_it(bank: Bank) -> None:
    tool = Tool(bank)
    lost = await tool.rent_and_hang_up()
    answers = await asyncio.gather(*(tool.rent() for _ in range(10)))

    assert [answer.value.id for answer in answers].count(lost.value.id) == 1
    assert len({answer.value.id for answer in answers}) == 10


async def test_it_goes_to_nobody_else_and_for_nothing_else(bank: Bank) -> None:
    lost = await Tool(bank).rent_and_hang_up()
    others = [
        await Tool(bank, OWN).rent(),
        await Tool(bank).rent(max_price="1.00"),
        await Tool(bank, hands_over=False).rent(),
    ]

    assert lost.value.id not in {answer.value.id for answer in others}
    assert (await Tool(bank).rent()).value.id == lost.value.id


@pytest.mark.parametrize("seconds", [0, 0.05])
async def test_it_is_kept_for_so_many_seconds_and_not_longer(seconds: float) -> None:
    async with open_bank(new_database(), gateway_hand_over_seconds=seconds) as bank:
        lost = await Tool(bank).rent_and_hang_up()
        await asyncio.sleep(seconds)
        new = await Tool(bank).rent()

    assert new.value.id != lost.value.id


async def test_it_goes_to_who_asks_another_node(store_url: str) -> None:
    async with open_bank(store_url) as one, open_bank(store_url, one.sim) as other:
        lost = await Tool(one).rent_and_hang_up()
        found = await Tool(other).rent()

    assert found.value.id == lost.value.id
    assert one.rents == 1


GET_NUMBER = f"/stubs/handler_api?action=getNumber&api_key={DEMO_KEY}&service=whatsapp"


async def test_a_tool_that_hung_up_gets_its_number_when_it_asks_again(bank: Bank) -> None:
    tool = replace(bank.client, key=None, checked=False)
    bank.sim.script(Fault("rent-a-number", FaultKind.SLOW, seconds=30))
    asking = asyncio.ensure_future(tool.get(GET_NUMBER))
    await until(lambda: bank.rents)
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
    bank.sim.release()
    again = await tool.get(GET_NUMBER)

    assert again.json["id"] == 12345, again.body
    assert bank.rents == 1
