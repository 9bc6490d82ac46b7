"""The provider's word that it was asked too much, on the wire and back to the caller."""

import asyncio

from tests.support.gateway import run_scripted
from tests.support.scripted import Held, reply
from tests.support.waiting import until

TOO_MUCH = {"errors": "Too many requests"}
BALANCE = reply(200, {"balance": "10.55"})


async def test_a_pause_of_years_is_one_of_five_minutes() -> None:
    async with run_scripted() as stand:
        stand.provider.always = reply(429, TOO_MUCH, Retry_After="999999999")
        first, second = [await stand.client.get("/v1/balance") for _ in range(2)]

    assert len(stand.provider.asked) == 1
    for answer in (first, second):
        assert (answer.status, answer.json["code"]) == (429, "rate_limited")
        assert 290 < int(answer.headers["Retry-After"]) <= 300


async def test_after_a_pause_one_call_is_sent_and_no_other_before_its_answer() -> None:
    async with run_scripted() as stand:
        provider, client = stand.provider, stand.client
        provider.script.append(reply(429, TOO_MUCH, Retry_After="1"))
        provider.always = Held(BALANCE)
        probe = asyncio.create_task(client.get("/v1/balance"))  # it repeats the refused read
        await until(lambda: len(provider.asked) == 2)
        refused = await asyncio.gather(*(client.get("/v1/balance") for _ in range(20)))
        sent = len(provider.asked)
        provider.always = BALANCE
        provider.release()
        answered = [await probe, await client.get("/v1/balance")]

    assert {answer.json["code"] for answer in refused} == {"rate_limited"}
    assert sent == 2
    assert [answer.json["balance"] for answer in answered] == ["10.55", "10.55"]
