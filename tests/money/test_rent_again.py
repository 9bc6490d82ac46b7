"""A number rented again is of the earlier rental's service, which the provider does not tell."""

from typing import Any

from tests.support import samples
from tests.support.gateway import ScriptedStand, run_scripted
from tests.support.money import named, open_bank, rent, replayed
from tests.support.scripted import reply

NAMELESS = {**samples.RENTED, "id": 12346, "service_name": None}
SERVICE = ("whatsapp", "Whatsapp")


def service(rental: dict[str, Any]) -> tuple[str | None, str | None]:
    return rental["service_code"], rental["service_name"]


async def test_the_answer_the_ledger_and_the_repetition_name_the_service(store_url: str) -> None:
    async with open_bank(store_url) as bank:
        first = (await rent(bank.client)).json
        again = f"/v1/rentals/{first['id']}/rent-again"
        answers = [await bank.client.post(again, headers=named("order-2")) for _ in range(2)]
        listed = await bank.client.get("/v1/rentals", service_code="whatsapp")

    assert service(first) == SERVICE
    assert [service(each.json) for each in answers] == [SERVICE] * 2
    assert [replayed(each) for each in answers] == [False, True]
    assert [row["id"] for row in listed.json["data"]] == [answers[0].json["id"], first["id"]]


async def rented_again(stand: ScriptedStand, answer: dict[str, Any]) -> tuple[Any, Any]:
    stand.provider.script.append(reply(201, answer))
    return service((await stand.client.post("/v1/rentals/12345/rent-again")).json)


async def test_a_name_that_the_answer_lacks_is_the_earlier_rentals() -> None:
    async with run_scripted() as stand:
        stand.provider.script.append(reply(201, samples.RENTED))
        await rent(stand.client)
        assert await rented_again(stand, NAMELESS) == SERVICE


async def test_of_a_rental_without_a_code_of_its_service_the_price_list_tells_it() -> None:
    async with run_scripted() as stand:
        stand.provider.script.append(reply(200, samples.STATUS))
        seen = await stand.client.get("/v1/rentals/12345")
        assert service(seen.json) == (None, "Whatsapp")
        stand.provider.script.append(reply(200, samples.PRICES))
        await stand.client.get("/v1/prices")
        assert await rented_again(stand, NAMELESS) == SERVICE


async def test_of_a_rental_that_is_unknown_here_the_price_list_tells_it() -> None:
    async with run_scripted() as stand:
        stand.provider.script.append(reply(200, samples.PRICES))
        await stand.client.get("/v1/prices")
        assert await rented_again(stand, {**samples.RENTED, "id": 12346}) == SERVICE


async def test_without_the_price_list_it_is_null() -> None:
    async with run_scripted() as stand:
        renamed = {**samples.RENTED, "id": 12346}
        assert await rented_again(stand, renamed) == (None, "Whatsapp")
