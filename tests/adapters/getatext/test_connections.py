"""No answer reaches another caller, whatever the provider says besides what it was asked."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from adapters.getatext import account, rentals
from adapters.getatext.client import Client
from adapters.getatext.endpoint import AnyEndpoint
from adapters.getatext.provider import accounts
from adapters.getatext.reply import Reply
from gateway.core.model.account import Nothing
from gateway.core.model.errors import GatewayError
from gateway.core.model.long_rentals import OneLongRental, SetAutoRenew
from gateway.core.model.provider_errors import UpstreamBadResponse, UpstreamUnavailable
from gateway.core.model.rentals import OneRental
from gateway.core.operations import ending
from gateway.core.operations import long_rentals as of_long_rentals
from gateway.core.ports.provider import Provider
from gateway.core.upstream import calls
from tests.support.talkative import Answers, Question, Talkative, head, whole

A, B = "sk_a", "sk_b"
ROUNDS = 20
PATIENCE = 5.0


def mine(question: Question) -> dict[str, object]:
    """What a question is answered with: whose it is, and which."""
    return {"key": question.key, "number": question.number}


async def plainly(question: Question) -> None:
    await question.line.say(whole(mine(question)))


async def twice(question: Question) -> None:
    await question.line.say(2 * whole(mine(question)))


async def twice_in_two_pieces(question: Question) -> None:
    await question.line.say(whole(mine(question)))
    await question.line.say(whole(mine(question)))


async def before_the_next_question(question: Question) -> None:
    await question.line.say(whole(mine(question)), whole({"key": "nobody", "number": 0}))


async def longer_than_it_says(question: Question) -> None:
    body = json.dumps(mine(question)).encode()
    await question.line.say(whole(body + whole(mine(question)), length=len(body)))


async def with_two_heads(question: Question) -> None:
    body = json.dumps(mine(question)).encode()
    await question.line.say(head(len(body)), whole(body))


async def with_the_start_of_another(question: Question) -> None:
    await question.line.say(whole(mine(question)), head(100))


async def with_empty_lines_after_it(question: Question) -> None:
    await question.line.say(whole(mine(question)), b"\r\n\r\n")


async def with_no_http_after_it(question: Question) -> None:
    await question.line.say(whole(mine(question)), b"and more")


TALK: list[Answers] = [
    twice,
    twice_in_two_pieces,
    before_the_next_question,
    longer_than_it_says,
    with_two_heads,
    with_the_start_of_another,
    with_empty_lines_after_it,
    with_no_http_after_it,
]


class Late:
    """Says the last answer again when the next question has come, whoever asks it, and where."""

    def __init__(self) -> None:
        self._last: Question | None = None

    async def __call__(self, question: Question) -> None:
        last, self._last = self._last, question
        if last is not None:
            await last.line.say(whole(mine(last)))
        await plainly(question)


async def told(client: Client, key: str) -> object:
    """What a key is told, or that nothing readable came."""
    try:
        reply = await client.send(account.BALANCE, key)
        return json.loads(reply.body or b"")
    except (UpstreamBadResponse, UpstreamUnavailable, ValueError):
        return None


@pytest.mark.parametrize(
    "answers", [*TALK, Late()], ids=lambda one: getattr(one, "__name__", "late")
)
async def test_two_keys_in_turn_hear_only_what_is_theirs_and_new(answers: Answers) -> None:
    async with Talkative(answers).running() as provider, Client(provider.url) as client:
        for _ in range(ROUNDS):
            for key in (A, B):
                number = len(provider.asked)
                answer = await told(client, key)

                assert answer in (None, {"key": key, "number": number})
        assert all(len(set(line.keys)) == 1 for line in provider.lines)


async def test_whoever_says_nothing_more_keeps_a_connection_for_each_account() -> None:
    async with Talkative(plainly).running() as provider, Client(provider.url) as client:
        for _ in range(ROUNDS):
            for key in (A, B):
                assert await told(client, key) == {"key": key, "number": len(provider.asked) - 1}

        assert [set(line.keys) for line in provider.lines] == [{A}, {B}]


SURPLUS = {
    "the answer again": whole({"key": A, "number": 0}),
    "the answer again, in two": 2 * whole({"key": A, "number": 0}),
    "an early answer": whole({"key": "nobody", "number": 0}),
    "more of the body": b'{"balance": "1.00"}',
    "a head": head(19),
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "no HTTP": b"SSH-2.0",
    "empty lines": b"\r\n\r\n",
}


@pytest.mark.parametrize("surplus", SURPLUS.values(), ids=SURPLUS)
async def test_a_connection_on_which_more_comes_after_the_answer_is_not_used_again(
    surplus: bytes,
) -> None:
    async with Talkative(plainly).running() as provider, Client(provider.url) as client:
        for _ in range(ROUNDS):
            for key in (A, B):
                number = len(provider.asked)

                assert await told(client, key) == {"key": key, "number": number}
                await provider.asked[-1].line.say(surplus)

        assert [line.keys for line in provider.lines] == ROUNDS * [[A], [B]]


async def test_an_answer_that_the_loop_has_read_already_is_nobody_s() -> None:
    async with Talkative(plainly).running() as provider, Client(provider.url) as client:
        await told(client, A)
        (first,) = provider.lines
        await first.say(whole({"key": A, "number": 0}))
        await told(client, B)  # meanwhile the loop reads what there is

        assert await told(client, A) == {"key": A, "number": 2}
        assert first.keys == [A]
        await asyncio.wait_for(first.left.wait(), PATIENCE)


async def test_an_answer_that_comes_after_the_next_question_stays_with_its_account() -> None:
    """Here the one who asks next has taken the connection already: no look at it can help."""

    async def late_by_one(question: Question) -> None:
        line = question.line
        if len(line.keys) > 1:
            await line.say(whole({"key": line.keys[-2], "number": -1}))
            await asyncio.sleep(0.05)  # how late this provider is; nobody waits for it
        await plainly(question)

    async with Talkative(late_by_one).running() as provider, Client(provider.url) as client:
        for _ in range(4):
            for key in (A, B):
                answer = json.loads((await client.send(account.BALANCE, key)).body or b"")

                assert answer["key"] == key


@pytest.mark.parametrize("call", [account.BALANCE, rentals.RENT], ids=lambda call: call.name)
async def test_who_speaks_before_it_is_asked_is_asked_nothing(call: AnyEndpoint) -> None:
    talk = Talkative(plainly, greeting=whole({"id": 1, "status": "success"}))
    async with talk.running() as provider, Client(provider.url) as client:
        with pytest.raises(GatewayError) as raised:
            await client.send(call, A)

    expected = UpstreamUnavailable if call.spends else UpstreamBadResponse
    assert type(raised.value) is expected
    assert provider.asked == []


Asks = Callable[[Provider], Awaitable[object]]
NAMING: dict[str, Asks] = {
    "status": lambda provider: provider.call(calls.RENTAL_STATUS, 5),
    "cancel": lambda provider: provider.call(calls.CANCEL, OneRental(rental_id=5)),
    "complete": lambda provider: provider.call(ending.COMPLETE, OneRental(rental_id=5)),
    "cancel for long": lambda provider: provider.call(
        of_long_rentals.CANCEL, OneLongRental(long_rental_id=5)
    ),
    "automatic renewal": lambda provider: provider.call(
        of_long_rentals.AUTO_RENEW, SetAutoRenew(long_rental_id=5, auto_renew=True)
    ),
}


def provider_of(client: Client, key: str) -> Provider:
    return accounts(client, now=lambda: datetime.now(UTC), zone=UTC)(key)


@pytest.mark.parametrize("asks", NAMING.values(), ids=NAMING)
async def test_an_answer_about_another_id_ends_its_connection(asks: Asks) -> None:
    ids = [6, 5]

    async def about(question: Question) -> None:
        await question.line.say(whole({"id": ids.pop(0), "status": "active"}))

    async with Talkative(about).running() as provider, Client(provider.url) as client:
        account = provider_of(client, A)
        with pytest.raises(UpstreamBadResponse):
            await asks(account)
        await asyncio.wait_for(provider.lines[0].left.wait(), PATIENCE)
        await asks(account)

        assert [line.keys for line in provider.lines] == [[A], [A]]


async def test_an_answer_that_cannot_be_read_ends_every_connection_of_its_account() -> None:
    """One in use ends with its own answer; another account's stay."""
    going_on = asyncio.Event()

    async def answer(question: Question) -> None:
        if question.path == rentals.STATUS.path:
            await going_on.wait()
        await question.line.say(whole({"id": 6, "status": "active", "balance": "1.00"}))

    async with Talkative(answer).running() as provider, Client(provider.url) as client:
        await provider_of(client, B).call(calls.BALANCE, Nothing())
        busy = asyncio.ensure_future(provider_of(client, A).call(calls.RENTAL_STATUS, 6))
        await provider.until_asked(2)
        with pytest.raises(UpstreamBadResponse):
            await provider_of(client, A).call(calls.CANCEL, OneRental(rental_id=5))
        going_on.set()
        await busy
        await asyncio.wait_for(provider.until_open(1), PATIENCE)
        await provider_of(client, B).call(calls.BALANCE, Nothing())

        assert [line.keys for line in provider.lines] == [[B, B], [A], [A]]


def many(number: int) -> list[str]:
    return [f"sk_{one}" for one in range(number)]


async def test_many_accounts_keep_no_more_connections_than_are_allowed() -> None:
    limit = 10
    talk = Talkative(plainly)
    async with (
        talk.running() as provider,
        Client(provider.url, connections=limit, connect_seconds=1) as client,
    ):
        for key in many(300):
            await client.send(account.BALANCE, key)

        assert len(provider.lines) == 300
        assert provider.most_open <= limit + 1  # the newest comes before the oldest has left


async def test_many_accounts_at_once_end_with_no_more_connections_than_are_allowed() -> None:
    limit = 10
    talk = Talkative(plainly)
    async with talk.running() as provider, Client(provider.url, connections=limit) as client:
        replies = await asyncio.gather(*(client.send(account.BALANCE, key) for key in many(300)))
        await asyncio.wait_for(provider.until_open(limit), PATIENCE)

        assert [json.loads(reply.body or b"")["key"] for reply in replies] == many(300)
        assert provider.most_open <= 2 * limit  # so many may just be opened


async def test_the_account_that_asks_most_keeps_its_connection_among_many() -> None:
    async with Talkative(plainly).running() as provider:
        async with Client(provider.url, connections=4) as client:
            for key in many(30):
                await client.send(account.BALANCE, key)
                await client.send(account.BALANCE, A)

        assert [line.keys for line in provider.lines if A in line.keys] == [30 * [A]]


async def test_an_idle_connection_is_closed() -> None:
    talk = Talkative(plainly)
    async with talk.running() as provider, Client(provider.url, idle_seconds=0.05) as client:
        for key in many(5):
            await client.send(account.BALANCE, key)

        await asyncio.wait_for(provider.until_open(0), PATIENCE)
        assert len(provider.lines) == 5


async def test_one_account_that_gets_no_answers_leaves_connections_for_others() -> None:
    going_on = asyncio.Event()

    async def hang(question: Question) -> None:
        if question.key == A:
            await going_on.wait()
        await plainly(question)

    async with Talkative(hang).running() as provider, Client(provider.url, connections=2) as client:
        stuck = [asyncio.ensure_future(client.send(account.BALANCE, A)) for _ in range(3)]
        await provider.until_asked(1)
        try:
            reply = await asyncio.wait_for(client.send(account.BALANCE, B), PATIENCE)
        finally:
            going_on.set()
            await asyncio.gather(*stuck)

        assert reply == Reply(200, json.dumps({"key": B, "number": 1}).encode())


async def test_a_key_stands_in_no_place_that_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The library says what a connection was for in its warnings and errors."""
    async with Talkative(plainly).running() as provider:
        url = provider.url
    async with Client(url) as client:
        with pytest.raises(UpstreamUnavailable) as raised:
            await client.send(account.BALANCE, A)

        assert A not in repr(raised.value.__context__)
        assert A not in caplog.text
