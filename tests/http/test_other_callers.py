"""Two callers with keys of their own, before a provider that says more than it is asked."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.support.gateway import Client, run_gateway
from tests.support.talkative import Question, Talkative, whole

TIMES = 40
BALANCES = {"sk_a": "111.00", "sk_b": "222.00"}


def balance(question: Question) -> bytes:
    return whole({"status": "success", "balance": BALANCES[question.key], "errors": "null"})


class AgainAfterAnother:
    """Answers, and says the last answer again as soon as the next question has come."""

    def __init__(self) -> None:
        self._last: Question | None = None

    async def __call__(self, question: Question) -> None:
        last, self._last = self._last, question
        if last is not None:
            await last.line.say(balance(last))
        await question.line.say(balance(question))


async def twice(question: Question) -> None:
    await question.line.say(balance(question))
    await question.line.say(balance(question))


async def in_turn(client: Client) -> list[tuple[str, str]]:
    """Each key's balance, many times, as (key, balance)."""
    return [
        (key, (await client.ask("GET", "/v1/balance", key=key)).json["balance"])
        for _ in range(TIMES)
        for key in BALANCES
    ]


async def at_once(client: Client) -> list[tuple[str, str]]:
    """The same, both keys at the same time."""

    async def ask(key: str) -> tuple[str, str]:
        return key, (await client.ask("GET", "/v1/balance", key=key)).json["balance"]

    return [
        heard
        for _ in range(TIMES)
        for heard in await asyncio.gather(*(ask(key) for key in BALANCES))
    ]


Asks = Callable[[Client], Awaitable[list[tuple[str, str]]]]


@pytest.mark.parametrize("asks", [in_turn, at_once])
@pytest.mark.parametrize("answers", [AgainAfterAnother, lambda: twice], ids=["later", "twice"])
async def test_each_of_two_keys_hears_its_own_balance_every_time(
    answers: Callable[[], Callable[[Question], Awaitable[None]]], asks: Asks
) -> None:
    async with (
        Talkative(answers()).running() as provider,
        run_gateway(provider.url) as running,
    ):
        heard = await asks(running.client)

    assert len(heard) == 2 * TIMES
    assert [(key, told) for key, told in heard if BALANCES[key] != told] == []
