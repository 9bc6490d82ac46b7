"""A gateway killed at any point of a purchase: the request, repeated later, buys nothing twice."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import pytest
from aiohttp import ClientError

from adapters.simulator import DEMO_KEY, Simulator
from gateway.core.jobs import housekeeping
from tests.support.contract import Answer
from tests.support.dying import POINTS
from tests.support.gateway import open_client
from tests.support.money import CHARGING, PRICE, asked_to_rent, open_bank, rent, replayed, terms
from tests.support.program import node
from tests.support.waiting import until


@dataclass(frozen=True, slots=True)
class Row:
    """How often the provider was asked before the kill and in all; what the repetition got."""

    before: tuple[int, ...]
    status: int
    in_all: tuple[int, ...]
    kept: bool = False
    answered: bool = False


ROWS = {
    "before the intent is committed": Row((0,), 201, (1,)),
    "after the intent is committed": Row((0,), 201, (1,)),
    "after the sent-marker": Row((0,), 409, (0,)),
    "after connecting": Row((0,), 409, (0,)),
    "after the headers left": Row((0, 1), 409, (1,)),
    "after the answer is read": Row((1,), 409, (1,)),
    "after the outcome is committed": Row((1,), 201, (1,), kept=True),
    "after the answer is written": Row((1,), 201, (1,), kept=True, answered=True),
}
OF_TOOLS = ("before a text is sent",)


def test_every_point_is_looked_at() -> None:
    assert [*ROWS, *OF_TOOLS] == list(POINTS)


@pytest.mark.parametrize("point", ROWS)
async def test_a_killed_gateway_never_buys_twice(store_url: str, point: str) -> None:
    row, first = ROWS[point], None
    async with Simulator(CHARGING).running() as sim:
        async with (
            node(sim.url, dies_at=point, **terms(store_url)) as doomed,
            open_client(doomed.url) as client,
        ):
            with suppress(ClientError):
                first = await rent(client, "order-1")
            await doomed.died()
            before = asked_to_rent(sim)
        async with open_bank(store_url, sim) as bank:
            again, once_more = [await rent(bank.client, "order-1") for _ in range(2)]
            unknown = await bank.unknown()

    assert (first is not None) is row.answered
    assert before in row.before
    assert asked_to_rent(sim) in row.in_all
    assert again.status == row.status
    assert replayed(again) is row.kept
    assert once_more.status == again.status
    if first is not None:
        assert first.body == again.body
    if row.status == 409:
        assert_unknown(again)
        assert len(unknown) == 1


def assert_unknown(answer: Answer) -> None:
    told = answer.json
    assert (told["code"], told["charged"], told["retryable"]) == (
        "outcome_unknown", "unknown", False,
    )  # fmt: skip


@pytest.mark.parametrize("point", ["after the outcome is committed", *OF_TOOLS])
async def test_a_killed_gateway_gives_a_tool_without_request_ids_what_it_bought(
    store_url: str, point: str
) -> None:
    path = f"/stubs/handler_api.php?api_key={DEMO_KEY}&action=getNumber&service=wa"
    async with Simulator(CHARGING).running() as sim:
        async with (
            node(sim.url, dies_at=point, **terms(store_url)) as doomed,
            open_client(doomed.url) as client,
        ):
            with suppress(ClientError):
                await client.ask("GET", path, key=None)
            await doomed.died()
        async with open_bank(store_url, sim) as bank:
            again, another = [await bank.client.ask("GET", path, key=None) for _ in range(2)]

    assert again.body.startswith(b"ACCESS_NUMBER:12345:")
    assert another.body.startswith(b"ACCESS_NUMBER:12346:")
    assert asked_to_rent(sim) == 2


async def test_a_node_that_lives_finds_what_another_left_open(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "LOOK_EVERY", 0.2)
    async with Simulator(CHARGING).running() as sim, open_bank(store_url, sim) as bank:
        async with (
            node(sim.url, dies_at="after the answer is read", **terms(store_url)) as doomed,
            open_client(doomed.url) as client,
        ):
            with suppress(ClientError):
                await rent(client, "order-1")
            await doomed.died()
        repeating = asyncio.ensure_future(rent(bank.client, "order-1"))
        await until(bank.unknown)
        again = await repeating

    assert_unknown(again)
    assert asked_to_rent(sim) == 1


async def test_who_waits_for_a_purchase_that_was_never_sent_makes_it(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "LOOK_EVERY", 0.5)
    async with Simulator(CHARGING).running() as sim, open_bank(store_url, sim) as bank:
        async with (
            node(sim.url, dies_at="after the intent is committed", **terms(store_url)) as doomed,
            open_client(doomed.url) as client,
        ):
            with suppress(ClientError):
                await rent(client, "order-1")
            await doomed.died()
        answers = await asyncio.gather(*(rent(bank.client, "order-1") for _ in range(20)))

    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    assert asked_to_rent(sim) == 1


@pytest.mark.parametrize(
    ("point", "end"),
    [
        ("before the intent is committed", "bought"),
        ("after the intent is committed", "bought"),
        ("after the sent-marker", "budget_exceeded"),
        ("after the answer is read", "budget_exceeded"),
        ("after the outcome is committed", "budget_exceeded"),
    ],
)
async def test_a_budget_for_one_is_held_or_free_after_a_kill(
    store_url: str, point: str, end: str
) -> None:
    async with Simulator(CHARGING).running() as sim:
        async with open_bank(store_url, sim) as bank:
            key = await bank.key(budget_total=PRICE)
        async with (
            node(sim.url, dies_at=point, **terms(store_url)) as doomed,
            open_client(doomed.url, key) as client,
        ):
            with suppress(ClientError):
                await rent(client, "order-1")
            await doomed.died()
        async with open_bank(store_url, sim) as bank:
            another = await rent(bank.holder(key), "order-2")

    assert (another.json["code"] or "bought") == end
    assert asked_to_rent(sim) <= 1
