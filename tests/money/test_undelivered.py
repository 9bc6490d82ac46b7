"""Where no request id can be sent: a number nobody was told of goes to who asks the same again."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientError

from adapters.simulator import DEMO_KEY, Fault, FaultKind
from adapters.store import Unreachable
from gateway.core.model.errors import LedgerUnavailable, OutcomeUnknown
from gateway.core.model.rentals import Rental
from gateway.core.model.settling import settled_with
from gateway.core.operations.call import Answer as Made
from gateway.core.operations.call import Call
from gateway.core.operations.rentals import RENT_NUMBER
from tests.support.contract import Answer
from tests.support.gateway import Client, new_database, open_client
from tests.support.money import OWN, RENT, Bank, open_bank, terms
from tests.support.program import node
from tests.support.waiting import until


class Tool:
    """A caller on a face without request ids."""

    def __init__(self, bank: Bank, key: str = DEMO_KEY, *, redeliverable: bool = True) -> None:
        self.bank, self.key, self.redeliverable = bank, key, redeliverable
        self.gateway = bank.running.gateway

    async def rent(self, **wish: Any) -> Made[Rental]:
        caller = await self.gateway.callers.identify(self.key)
        call = Call(caller, "trace", redeliverable=self.redeliverable)
        return await self.gateway.invoker.answer(RENT_NUMBER, call, {**RENT, **wish})

    async def rent_and_hang_up(self) -> Made[Rental]:
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
        await Tool(bank, redeliverable=False).rent(),
    ]

    assert lost.value.id not in {answer.value.id for answer in others}
    assert (await Tool(bank).rent()).value.id == lost.value.id


@pytest.mark.parametrize("seconds", [0, 0.05])
async def test_it_is_kept_for_so_many_seconds_and_not_longer(seconds: float) -> None:
    async with open_bank(new_database(), gateway_redelivery_seconds=seconds) as bank:
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


async def test_the_same_after_a_lost_answer_says_which_purchase_is_to_be_settled(
    bank: Bank,
) -> None:
    bank.sim.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
    errors = []
    for _ in range(2):
        with pytest.raises(OutcomeUnknown) as lost:
            await Tool(bank).rent()
        errors.append(lost.value)
    (spend,) = await bank.unknown()

    assert bank.rents == 1
    for error in errors:
        assert error.detail.endswith(settled_with(spend.ledger_id))


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


LOST = Fault("rent-a-number", FaultKind.DROP_AFTER)


async def test_nothing_is_sold_before_it_is_written_that_it_was_not_delivered(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*asked: Any) -> None:
        raise Unreachable("away")

    tool, ledger = Tool(bank), bank.running.gateway.ledger
    with monkeypatch.context() as trouble:
        trouble.setattr(ledger, "mark_undelivered", away)
        lost = await tool.rent_and_hang_up()
        with pytest.raises(LedgerUnavailable):
            await tool.rent()
    await until(bank.running.gateway.core.unwritten.probe)
    found = await tool.rent()

    assert found.body == lost.body
    assert bank.rents == 1


def asks(key: str) -> list[tuple[str, dict[str, Any]]]:
    """The same purchase on each face without request ids."""
    v1 = {"headers": {"Auth": key}, "json": {"service": "whatsapp"}}
    return [
        (f"GET /stubs/handler_api.php?action=getNumber&service=wa&api_key={key}", {}),
        (f"GET /stubs/handler_api?action=getNumber&service=whatsapp&api_key={key}", {}),
        ("POST /api/v1/rent-a-number", v1),
    ]


FACES = [0, 1, 2]


async def ask(client: Client, face: int, key: str) -> Answer:
    where, more = asks(key)[face]
    method, _, path = where.partition(" ")
    return await client.ask(method, path, key=None, **more)


def is_lost(answer: Answer) -> bool:
    return answer.body == b"ERROR_SQL" or (
        answer.body.startswith(b'{"id":null') and answer.status == 409
    )


def bought_id(answer: Answer) -> int:
    text = answer.body.decode()
    return int(text.split(":")[1]) if text.startswith("ACCESS") else int(answer.json["id"])


@pytest.mark.parametrize("face", FACES)
async def test_a_lost_answer_is_not_bought_again_on_another_node(store_url: str, face: int) -> None:
    async with open_bank(store_url) as one, open_bank(store_url, one.sim) as other:
        key = await one.key()
        one.sim.script(LOST)
        answers = [await ask(bank.client, face, key) for bank in (one, other, other)]

    assert all(is_lost(answer) for answer in answers)
    assert one.rents == 1


@pytest.mark.parametrize("face", FACES)
async def test_one_who_hung_up_gets_its_number_from_another_node(store_url: str, face: int) -> None:
    async with open_bank(store_url) as one, open_bank(store_url, one.sim) as other:
        key = await one.key()
        one.sim.script(Fault("rent-a-number", FaultKind.SLOW, seconds=60))
        asking = asyncio.ensure_future(ask(one.client, face, key))
        await until(lambda: one.rents)
        asking.cancel()
        await asyncio.wait([asking])
        await until(lambda: hung_up(one))
        again = asyncio.ensure_future(ask(other.client, face, key))
        third = asyncio.ensure_future(ask(other.client, face, key))
        one.sim.release()
        answers = sorted(bought_id(answer) for answer in await asyncio.gather(again, third))

    assert answers == [12345, 12346]
    assert one.rents == 2


async def hung_up(bank: Bank) -> bool:
    """Whether the ledger says that somebody has hung up."""
    (spend,) = await bank.running.gateway.ledger.spends(1)
    now = spend.at
    found = await bank.running.gateway.ledger.find_abandoned(
        spend.caller_id, spend.fingerprint, now, now
    )
    return found is not None


async def test_ten_that_ask_at_once_on_two_nodes_get_ten_numbers(store_url: str) -> None:
    async with open_bank(store_url) as one, open_bank(store_url, one.sim) as other:
        key = await one.key()
        answers = await asyncio.gather(
            *(ask(bank.client, 0, key) for bank in (one, other) for _ in range(5))
        )

    assert len({bought_id(answer) for answer in answers}) == 10


@pytest.mark.parametrize(
    ("point", "rents", "lost"),
    [
        ("after the intent is committed", 1, False),
        ("after the sent-marker", 0, True),
        ("after the headers left", 1, True),
        ("after the answer is read", 1, True),
    ],
)
async def test_what_a_killed_process_had_sent_is_not_bought_again(
    store_url: str, point: str, rents: int, lost: bool
) -> None:
    async with open_bank(store_url) as living:
        key = await living.key()
        settings = terms(store_url)
        async with node(living.sim.url, dies_at=point, **settings) as dying:
            async with open_client(dying.url, None) as client:
                with suppress(ClientError):
                    await ask(client, 0, key)
            await dying.died()
            answer = await ask(living.client, 0, key)

    assert is_lost(answer) is lost, answer.body
    assert living.rents == rents
