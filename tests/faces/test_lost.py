"""A tool that repeats a purchase whose answer was lost upstream: it must not pay twice."""

from collections.abc import Awaitable, Callable

import pytest

from adapters.simulator import DEMO_KEY, Fault, FaultKind
from tests.support.contract import Answer
from tests.support.gateway import Stand, run_simulated

Ask = Callable[[Stand], Awaitable[Answer]]


async def php(stand: Stand) -> Answer:
    return await stand.client.ask(
        "GET", f"/stubs/handler_api.php?api_key={DEMO_KEY}&action=getNumber&service=wa", key=None
    )


async def stub(stand: Stand) -> Answer:
    return await stand.client.ask(
        "GET", f"/stubs/handler_api?api_key={DEMO_KEY}&action=getNumber&service=whatsapp", key=None
    )


async def v1(stand: Stand) -> Answer:
    headers = {"Auth": DEMO_KEY}
    body = {"service": "whatsapp"}
    return await stand.client.post("/api/v1/rent-a-number", body, key=None, headers=headers)


def is_lost(answer: Answer) -> bool:
    return answer.status == 409 or answer.body == b"ERROR_SQL"


def rental_of(answer: Answer) -> int:
    text = answer.body.decode()
    return int(text.split(":")[1]) if text.startswith("ACCESS_NUMBER") else int(answer.json["id"])


@pytest.mark.parametrize("ask", [php, stub, v1], ids=lambda ask: ask.__name__)
async def test_it_is_not_sent_again_and_what_turns_up_is_handed_out_once(ask: Ask) -> None:
    async with run_simulated() as stand:
        stand.sim.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
        answers = [await ask(stand) for _ in range(3)]
        (bought,) = stand.sim.books.rentals
        await stand.client.get(f"/v1/rentals/{bought}")
        found, another = await ask(stand), await ask(stand)

    assert all(is_lost(answer) for answer in answers)
    assert rental_of(found) == bought
    assert rental_of(another) == bought + 1


async def test_the_same_order_is_known_on_every_face_and_others_are_not_held_up() -> None:
    async with run_simulated() as stand:
        stand.sim.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
        lost, same = await v1(stand), await php(stand)
        headers = {"Auth": DEMO_KEY}
        body = {"service": "whatsapp", "max_price": 5}
        other = await stand.client.post("/api/v1/rent-a-number", body, key=None, headers=headers)

    assert is_lost(lost)
    assert is_lost(same)
    assert other.status == 201
    assert len(stand.sim.books.rentals) == 2


async def test_a_setting_turns_it_off() -> None:
    async with run_simulated(gateway_redelivery_seconds=0) as stand:
        stand.sim.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
        lost, again = await php(stand), await php(stand)

    assert is_lost(lost)
    assert again.body.startswith(b"ACCESS_NUMBER:")
