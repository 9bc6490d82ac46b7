"""A change that is repeated, because its answer was lost or nobody kept it, succeeds again."""

from decimal import Decimal

import pytest

from adapters.simulator import DEMO_KEY, Fault, FaultKind
from tests.support.contract import Answer
from tests.support.gateway import Client, new_database
from tests.support.money import OWN, PRICE, Bank, open_bank, rent, two_clients
from tests.support.waiting import until

UNSEEN = '{"errors": "This rental was given back."}'
NOT_ACTIVE = '{"errors": "Rental is not active"}'
AWAY = Fault("rental-status", FaultKind.STATUS, None)


async def bought(client: Client) -> str:
    """The path of a new rental."""
    return f"/v1/rentals/{(await rent(client)).json['id']}"


def said(answer: Answer) -> tuple[int, str]:
    """The HTTP status, with the rental's or the error's code."""
    return answer.status, answer.json.get("code") or answer.json["status"]


async def is_cancelled(client: Client, path: str) -> bool:
    """Also where nobody asks the provider again: only the gateway's records are read."""
    listed = (await client.get("/v1/rentals")).json["data"]
    found = next(row for row in listed if row["id"] == number_of(path))
    return bool(found["status"] == "cancelled")


async def spent(client: Client) -> Decimal:
    return Decimal((await client.get("/v1/balance")).json["spent_total"])


def number_of(path: str) -> int:
    return int(path.rpartition("/")[2])


@pytest.mark.parametrize(("verb", "end"), [("cancel", "cancelled"), ("complete", "completed")])
async def test_what_the_ledger_knows_as_ended_so_needs_no_call(
    bank: Bank, verb: str, end: str
) -> None:
    path = await bought(bank.client)
    first = await bank.client.post(f"{path}/{verb}")
    before = bank.sim.journal.calls.total()
    again = await bank.client.post(f"{path}/{verb}")

    assert (said(first), said(again)) == ((200, end), (200, end))
    assert again.json == {**first.json, "balance": None}
    assert bank.sim.journal.calls.total() == before


async def test_a_cancellation_whose_answer_was_lost_is_repeated_and_refunded_once(
    store_url: str,
) -> None:
    async with open_bank(store_url) as bank:
        client = await bank.with_key(budget_total=Decimal(5))
        path = await bought(client)
        bank.sim.script(Fault("cancel-rental", FaultKind.DROP_AFTER))
        bank.sim.script(AWAY)  # so that the lost answer cannot be looked for
        lost = await client.post(f"{path}/cancel")
        assert await spent(client) == PRICE
        bank.sim.provider.faults.clear()
        await until(lambda: is_cancelled(client, path))
        again = [await client.post(f"{path}/cancel") for _ in range(2)]

        assert said(lost) == (200, "active")
        assert [said(each) for each in again] == [(200, "cancelled")] * 2
        assert await spent(client) == 0
        assert bank.sim.books.accounts[OWN].refunded == PRICE
        assert bank.sim.journal.calls["cancel-rental"] == 1


async def test_another_node_repeats_what_the_first_has_done(store_url: str) -> None:
    async with (
        open_bank(store_url) as bank,
        two_clients(bank.sim.url, store_url) as (one, other),
    ):
        path = await bought(one)
        await other.get(path)
        bank.sim.script(Fault("cancel-rental", FaultKind.DROP_AFTER))
        lost = await one.post(f"{path}/cancel")
        again = [await client.post(f"{path}/cancel") for client in (other, one)]

        assert said(lost) == (200, "cancelled")
        assert [said(each) for each in again] == [(200, "cancelled")] * 2
        assert await spent(one) == await spent(other) == 0


async def test_a_completion_whose_answer_was_lost_is_repeated(bank: Bank) -> None:
    path = await bought(bank.client)
    bank.sim.script(Fault("completed", FaultKind.DROP_AFTER))
    lost = await bank.client.post(f"{path}/complete")
    again = await bank.client.post(f"{path}/complete")

    assert lost.status >= 500
    assert said(again) == (200, "completed")


async def test_a_refusal_in_unseen_words_is_looked_into(bank: Bank) -> None:
    path = await bought(bank.client)
    bank.sim.script(Fault("cancel-rental", FaultKind.STATUS, 1, 400, UNSEEN, after_work=True))

    assert said(await bank.client.post(f"{path}/cancel")) == (200, "cancelled")


async def test_while_the_status_cannot_be_read_the_wish_stands(bank: Bank) -> None:
    path = await bought(bank.client)
    bank.sim.script(Fault("cancel-rental", FaultKind.DROP_AFTER), AWAY)
    unclear = [await bank.client.post(f"{path}/cancel") for _ in range(2)]
    bank.sim.provider.faults.clear()

    assert [said(each) for each in unclear] == [(200, "active")] * 2
    assert unclear[1].json["cancel_requested_at"]
    await until(lambda: is_cancelled(bank.client, path))
    assert said(await bank.client.post(f"{path}/cancel")) == (200, "cancelled")


async def test_other_ends_stay_refusals(bank: Bank) -> None:
    completed, cancelled, expired = [await bought(bank.client) for _ in range(3)]
    await bank.client.post(f"{completed}/complete")
    await bank.client.post(f"{cancelled}/cancel")
    bank.sim.advance(301)
    refused = [
        await bank.client.post(path)
        for path in (
            f"{completed}/cancel", f"{cancelled}/complete", f"{expired}/cancel",
            f"{expired}/complete",
        )
    ]  # fmt: skip

    assert [said(each) for each in refused] == [(409, "rental_ended")] * 4


@pytest.mark.parametrize("ended", [False, True])
async def test_what_has_a_code_is_not_cancelled(bank: Bank, ended: bool) -> None:
    path = await bought(bank.client)
    bank.sim.receive_code(number_of(path), "012345")
    if ended:
        bank.sim.advance(301)
        bank.sim.script(Fault("cancel-rental", FaultKind.STATUS, status=400, body=NOT_ACTIVE))

    assert said(await bank.client.post(f"{path}/cancel")) == (409, "code_already_received")


async def test_who_may_not_see_or_change_it_learns_nothing_of_its_end(bank: Bank) -> None:
    owner, other = await bank.with_key(), await bank.with_key()
    reader = await bank.with_key(read_only=True, admin=True)
    path = await bought(owner)
    await owner.post(f"{path}/cancel")

    assert said(await other.post(f"{path}/cancel")) == (404, "rental_not_found")
    assert said(await reader.post(f"{path}/cancel")) == (403, "forbidden")


async def test_the_providers_own_api_repeats_a_cancellation_too() -> None:
    async with open_bank(new_database()) as bank:
        path, headers = await bought(bank.client), {"Auth": DEMO_KEY}
        given = {"id": number_of(path)}
        cancel = "/api/v1/cancel-rental"
        answers = [
            await bank.client.post(cancel, given, key=None, headers=headers) for _ in range(2)
        ]

    assert [(each.status, each.json["status"]) for each in answers] == [(200, "cancelled")] * 2
    assert [each.json["balance"] for each in answers] == [answers[0].json["balance"]] * 2


async def test_a_long_rental_is_cancelled_twice(bank: Bank) -> None:
    made = (await bank.client.post("/v1/long-rentals", {"period": "1w"})).json
    path = f"/v1/long-rentals/{made['id']}/cancel"
    bank.sim.script(Fault("update-long-rental", FaultKind.DROP_AFTER))
    lost = await bank.client.post(path)
    again = [await bank.client.post(path) for _ in range(2)]

    assert lost.status >= 500
    assert [said(each) for each in again] == [(200, "cancelled")] * 2
    assert again[0].json["number"] == made["number"]
