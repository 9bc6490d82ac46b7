"""A request id makes a purchase repeatable: same id and input, the first answer, byte for byte."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from adapters.simulator import Fault, FaultKind, Simulator
from tests.support.contract import Answer
from tests.support.gateway import new_database
from tests.support.money import CHARGING, RENT, Bank, named, open_bank, rent, replayed
from tests.support.waiting import until

IN_BODY: dict[str, Any] = {"json": {**RENT, "request_id": "order-1"}}
IN_HEADER: dict[str, Any] = {"json": RENT, "headers": named("order-1")}
IN_BOTH: dict[str, Any] = {**IN_BODY, "headers": named("order-1")}
WAYS = [IN_BODY, IN_HEADER, IN_BOTH]


async def ask(bank: Bank, more: dict[str, Any]) -> Answer:
    return await bank.client.ask("POST", "/v1/rentals", **more)


@pytest.mark.parametrize("again", WAYS, ids=["body", "header", "both"])
@pytest.mark.parametrize("first", WAYS, ids=["body", "header", "both"])
async def test_an_id_is_the_same_in_the_body_and_in_the_header(
    bank: Bank, first: dict[str, Any], again: dict[str, Any]
) -> None:
    answers = [await ask(bank, first), await ask(bank, again)]

    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].body == answers[1].body
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert [replayed(answer) for answer in answers] == [False, True]
    assert bank.rents == 1


async def test_two_different_ids_are_an_invalid_request(bank: Bank) -> None:
    answer = await ask(bank, {**IN_BODY, "headers": named("order-2")})

    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert "Idempotency-Key" in answer.json["detail"]
    assert bank.rents == 0


@pytest.mark.parametrize("second", ["order-1", "order-2"])
async def test_two_headers_are_an_invalid_request(bank: Bank, second: str) -> None:
    both = [("Idempotency-Key", "order-1"), ("Idempotency-Key", second)]
    answer = await ask(bank, {"json": RENT, "headers": both})

    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert "Idempotency-Key: is given more than once" in answer.json["detail"]
    assert bank.rents == 0


@pytest.mark.parametrize("name", ["", "x" * 256, "tab\there", "\u00e9"])
async def test_an_id_that_is_none_is_an_invalid_request(bank: Bank, name: str) -> None:
    answer = (
        await rent(bank.client, name)
        if name
        else await ask(bank, {"json": RENT, "headers": named("")})
    )

    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert bank.rents == 0


async def test_a_too_long_id_is_told_the_longest(bank: Bank) -> None:
    in_header = await rent(bank.client, "x" * 256)
    in_body = await ask(bank, {"json": {**RENT, "request_id": "x" * 256}})

    assert "Idempotency-Key: must be 1 to 255 " in in_header.json["detail"]
    assert "request_id: string should have at most 255 characters" in in_body.json["detail"]


async def test_the_longest_id_is_taken(store_url: str) -> None:
    name = "x ~!" * 63 + "end"
    async with open_bank(store_url) as bank:
        in_header, in_body = {"json": RENT, "headers": named(name)}, {**RENT, "request_id": name}
        answers = [await ask(bank, in_header), await ask(bank, {"json": in_body})]

    assert len(name) == 255
    assert [replayed(answer) for answer in answers] == [False, True]
    assert answers[0].body == answers[1].body


OTHER_INPUTS = [
    {"service_code": "telegram"},
    {"max_price": "1.00"},
    {"carrier": "verizon"},
    {"area_codes": "212"},
]


@pytest.mark.parametrize("wish", OTHER_INPUTS, ids=lambda wish: next(iter(wish)))
async def test_another_input_under_the_same_id_is_refused(bank: Bank, wish: dict[str, Any]) -> None:
    await rent(bank.client, "order-1")
    other = await rent(bank.client, "order-1", **wish)

    assert (other.status, other.json["code"]) == (409, "request_id_reused")
    assert (other.json["charged"], other.json["retryable"]) == ("no", False)
    assert bank.rents == 1


async def test_what_means_the_same_is_the_same_input(bank: Bank) -> None:
    first = await rent(bank.client, "order-1", max_price="1.5", area_codes="")
    again = await rent(bank.client, "order-1", max_price=1.50, carrier="any")

    assert (first.status, again.body) == (201, first.body)
    assert bank.rents == 1


async def test_an_id_is_the_callers_own(bank: Bank) -> None:
    holders = [await bank.with_key(), await bank.with_key(), bank.client]
    answers = [await rent(holder, "order-1") for holder in holders]

    assert len({answer.json["id"] for answer in answers}) == 3
    assert not any(map(replayed, answers))


async def test_without_an_id_every_request_buys(bank: Bank) -> None:
    answers = [await rent(bank.client) for _ in range(2)]

    assert answers[0].json["id"] != answers[1].json["id"]
    assert bank.rents == 2


SPENDS: list[tuple[str, str, dict[str, Any]]] = [
    ("re-rent", "/v1/rentals/12345/rent-again", {}),
    ("long-rentals-create", "/v1/long-rentals", {"period": "1w"}),
    ("long-rentals-renew", "/v1/long-rentals/1/renew", {}),
]


def calls(bank: Bank) -> int:
    """How many calls the provider has had that change something."""
    return sum(one.method == "POST" for one in bank.sim.journal.received)


@pytest.mark.parametrize("spend", SPENDS, ids=lambda spend: spend[0])
async def test_every_purchase_takes_an_id(
    bank: Bank, spend: tuple[str, str, dict[str, Any]]
) -> None:
    _, path, given = spend
    await rent(bank.client)
    await bank.client.post("/v1/long-rentals", {"period": "1w"})
    before = calls(bank)
    answers = [
        await bank.client.post(path, {**given, "request_id": "order-1"}),
        await bank.client.post(path, given, headers=named("order-1")),
    ]

    assert answers[0].status in (200, 201), answers[0].body
    assert answers[0].body == answers[1].body
    assert [replayed(answer) for answer in answers] == [False, True]
    assert calls(bank) == before + 1


async def test_an_id_of_one_operation_is_not_another_ones(bank: Bank) -> None:
    await rent(bank.client, "order-1")
    other = await bank.client.post("/v1/long-rentals", {"period": "1w", "request_id": "order-1"})

    assert other.json["code"] == "request_id_reused"


KEPT = [
    ("price_too_high", {"max_price": "0.10"}),
    ("service_not_found", {"service_code": "nothing"}),
]


@pytest.mark.parametrize(("code", "wish"), KEPT)
async def test_a_definite_refusal_is_kept(bank: Bank, code: str, wish: dict[str, Any]) -> None:
    first, again = [await rent(bank.client, "order-1", **wish) for _ in range(2)]

    assert (first.json["code"], first.json["charged"]) == (code, "no")
    assert again.json | {"trace_id": ""} == first.json | {"trace_id": ""}
    assert again.body == first.body
    assert [replayed(first), replayed(again)] == [False, True]
    assert bank.rents == 1


NOT_KEPT: list[tuple[str, Callable[[Bank], None]]] = [
    ("out_of_stock", lambda bank: say(bank, 400, "Service is out of stock")),
    ("upstream_maintenance", lambda bank: say(bank, 503, "Service is under maintenance")),
    ("rate_limited", lambda bank: bank.sim.script(Fault("rent-a-number", FaultKind.RATE_LIMITED))),
]


def say(bank: Bank, status: int, words: str) -> None:
    body = f'{{"errors": "{words}"}}'
    bank.sim.script(Fault("rent-a-number", FaultKind.STATUS, status=status, body=body))


@pytest.mark.parametrize(("code", "goes_wrong"), NOT_KEPT, ids=lambda row: str(row)[:20])
async def test_what_may_be_tried_again_is_not_kept(
    bank: Bank, code: str, goes_wrong: Callable[[Bank], None]
) -> None:
    goes_wrong(bank)
    first = await rent(bank.client, "order-1")
    wait = first.json.get("retry_after", 0)
    await asyncio.sleep(min(wait, 2.1))
    again = await rent(bank.client, "order-1")

    assert (first.json["code"], first.json["charged"], first.json["retryable"]) == (
        code, "no", True,
    )  # fmt: skip
    assert (again.status, replayed(again)) == (201, False)
    assert bank.rents == 2


async def test_a_fault_before_anything_was_sent_is_not_kept() -> None:
    url = new_database()
    async with Simulator(CHARGING).running() as sim:
        nowhere: dict[str, Any] = {"getatext_base_url": "http://127.0.0.1:9"}
        async with open_bank(url, sim, **nowhere) as cut_off:
            failed = [await rent(cut_off.client, "order-1") for _ in range(2)]
        async with open_bank(url, sim) as bank:
            bought = await rent(bank.client, "order-1")

    assert {answer.json["code"] for answer in failed} == {"upstream_unavailable"}
    assert {(one.json["charged"], one.json["retryable"]) for one in failed} == {("no", True)}
    assert not any(map(replayed, failed))
    assert (bought.status, replayed(bought)) == (201, False)


async def test_a_repeated_request_waits_for_the_first_ones_answer(bank: Bank) -> None:
    bank.sim.script(Fault("rent-a-number", FaultKind.SLOW, seconds=30))
    first = asyncio.ensure_future(rent(bank.client, "order-1"))
    await until(lambda: bank.rents)
    repeated = [asyncio.ensure_future(rent(bank.client, "order-1")) for _ in range(3)]
    done, _ = await asyncio.wait(repeated, timeout=0.2)
    bank.sim.release()
    answers = [await task for task in (first, *repeated)]

    assert not done
    assert len({answer.body for answer in answers}) == 1
    assert [replayed(answer) for answer in answers] == [False, True, True, True]
    assert bank.rents == 1


async def test_a_repeated_request_hears_of_the_firsts_refusal(bank: Bank) -> None:
    bank.sim.script(
        Fault(
            "rent-a-number", FaultKind.SLOW, seconds=30, after_work=True,
        )
    )  # fmt: skip
    first = asyncio.ensure_future(rent(bank.client, "order-1", max_price="0.10"))
    await until(lambda: bank.rents)
    again = asyncio.ensure_future(rent(bank.client, "order-1", max_price="0.10"))
    bank.sim.release()

    assert (await first).json["code"] == (await again).json["code"] == "price_too_high"
    assert bank.rents == 1


async def test_a_caller_that_hangs_up_gets_its_answer_by_its_id(bank: Bank) -> None:
    bank.sim.script(Fault("rent-a-number", FaultKind.SLOW, seconds=30))
    first = asyncio.ensure_future(rent(bank.client, "order-1"))
    await until(lambda: bank.rents)
    first.cancel()
    again = asyncio.ensure_future(rent(bank.client, "order-1"))
    await asyncio.wait([again], timeout=0.1)
    bank.sim.release()

    assert (await again).status == 201
    assert replayed(await again)
    assert bank.rents == 1


async def test_who_waits_on_another_node_for_a_refusal_that_may_be_tried_again_tries_it(
    store_url: str,
) -> None:
    async with open_bank(store_url) as one, open_bank(store_url, one.sim) as other:
        one.sim.script(Fault("rent-a-number", FaultKind.SLOW, seconds=30))
        first = asyncio.ensure_future(rent(one.client, "order-1", service_code="rare"))
        await until(lambda: one.rents)
        waiting = [
            asyncio.ensure_future(rent(other.client, "order-1", service_code="rare"))
            for _ in range(20)
        ]
        done, _ = await asyncio.wait(waiting, timeout=0.2)
        one.sim.release()
        answers = [await task for task in (first, *waiting)]
        (spend,) = {one.state for one in await one.running.gateway.ledger.spends(100)}

    assert not done
    assert {(one.json["code"], one.json["charged"]) for one in answers} == {("out_of_stock", "no")}
    assert {one.json["retryable"] for one in answers} == {True}
    assert other.rents == 2
    assert spend == "released"
