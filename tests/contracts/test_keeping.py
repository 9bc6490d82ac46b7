"""What is handed out once, what is forgotten, and what comes back as it went in."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.store import StoreError, Unstorable
from gateway.core.model.rentals import Rental
from gateway.core.model.values import MAX_ID
from gateway.core.ports.ledger import Ledger
from tests.support.ledger import (
    ANSWER,
    LATER,
    MINE,
    NOW,
    REFUSED,
    UNKNOWN,
    buy,
    end,
    intent,
    rental,
    spent,
)

A_MINUTE_AGO = NOW - timedelta(seconds=60)


async def test_an_undelivered_purchase_is_handed_out_once(ledger: Ledger) -> None:
    ledger_id = await buy(ledger, rental())
    await ledger.mark_undelivered(ledger_id, NOW)

    taken = await asyncio.gather(
        *(ledger.take_undelivered("caller", "rent whatsapp", A_MINUTE_AGO) for _ in range(10))
    )

    assert [one.ledger_id for one in taken if one is not None] == [ledger_id]
    assert taken.count(None) == 9


async def test_the_newest_undelivered_goes_first(ledger: Ledger) -> None:
    old = await buy(ledger, rental(1))
    new = await buy(ledger, rental(2), at=LATER)
    for ledger_id in (new, old):
        await ledger.mark_undelivered(ledger_id, LATER)

    taken = [await ledger.take_undelivered("caller", "rent whatsapp", NOW) for _ in range(3)]

    assert [one and one.ledger_id for one in taken] == [new, old, None]
    assert taken[0] is not None
    assert taken[0].answer == ANSWER


async def test_only_the_same_that_was_bought_lately_is_handed_out(ledger: Ledger) -> None:
    await buy(ledger, rental(1))
    late, unknown = await buy(ledger, rental(2)), await end(ledger, UNKNOWN)
    await ledger.mark_undelivered(late, A_MINUTE_AGO - timedelta(microseconds=1))
    await ledger.mark_undelivered(unknown, NOW)
    other = await buy(ledger, rental(3), fingerprint="rent uber")
    await ledger.mark_undelivered(other, NOW)

    assert await ledger.take_undelivered("caller", "rent whatsapp", A_MINUTE_AGO) is None
    assert await ledger.take_undelivered("another", "rent uber", A_MINUTE_AGO) is None


async def test_old_codes_answers_and_request_ids_are_forgotten(ledger: Ledger) -> None:
    ledger_id = await buy(ledger, rental(code="1"), request_id="r1")
    await end(ledger, REFUSED, request_id="r2")
    soon = NOW + timedelta(microseconds=1)

    assert await ledger.purge(NOW, NOW) == 0
    assert await ledger.purge(NOW, soon) == 2
    assert await ledger.by_request("caller", "r1") is None
    spend = await ledger.spend(ledger_id)
    assert spend is not None
    assert spend.answer == ANSWER
    assert await ledger.purge(soon, soon) == 5  # with two events
    assert await ledger.purge(soon, soon) == 0
    spend = await ledger.spend(ledger_id)
    assert spend is not None
    assert spend.answer is None
    assert await ledger.find(MINE, "rental", 12345) == rental(ledger_id=ledger_id)
    assert await spent(ledger) == ("0.55", "0.55")


async def test_request_ids_may_be_kept_longer_than_answers(ledger: Ledger) -> None:
    await buy(ledger, rental(), request_id="r1")
    soon = NOW + timedelta(microseconds=1)

    assert await ledger.purge(soon, NOW) == 2  # with an event
    spend = await ledger.by_request("caller", "r1")
    assert spend is not None
    assert spend.answer is None
    assert await ledger.purge(soon, soon) == 1
    assert await ledger.purge(soon, soon) == 0
    assert await ledger.by_request("caller", "r1") is None


async def test_open_and_unknown_ones_keep_everything(ledger: Ledger) -> None:
    await end(ledger, UNKNOWN, request_id="r1")
    await ledger.begin(intent(request_id="r2"))
    soon = NOW + timedelta(days=9)

    assert await ledger.purge(soon, soon) == 0
    assert await ledger.by_request("caller", "r1") is not None
    assert await ledger.by_request("caller", "r2") is not None


async def test_a_newer_code_is_kept_longer(ledger: Ledger) -> None:
    await buy(ledger, rental(code="1"))
    await ledger.record("account", rental(code="2"), LATER)

    await ledger.purge(LATER, LATER)

    found = await ledger.find(MINE, "rental", 12345)
    assert isinstance(found, Rental)
    assert found.code == "2"


@pytest.mark.parametrize("amount", ["0.000001", "9999.9999", "0.55", "12", "1234567.123456"])
async def test_amounts_are_exact(ledger: Ledger, amount: str) -> None:
    ledger_id = await buy(ledger, rental(price=Decimal(amount)))

    spend = await ledger.spend(ledger_id)
    assert spend is not None
    assert spend.charged == Decimal(amount)


async def test_amounts_finer_than_a_millionth_are_rounded_half_up(ledger: Ledger) -> None:
    ledger_id = await buy(ledger, rental(price=Decimal("0.5500005")))

    spend = await ledger.spend(ledger_id)
    assert spend is not None
    assert str(spend.charged) == "0.550001"


@pytest.mark.parametrize(
    "text", ["", "üß", "😀\U0010ffff", 'it\'s; "quoted" -- \\ %s $1 ?', "x" * 9999]
)
async def test_texts_come_back_as_they_went_in(ledger: Ledger, text: str) -> None:
    given: dict[str, Any] = {"request_id": text, "fingerprint": text, "caller_id": text}
    kept = rental(service_name=text, service_code=text, code=text)

    ledger_id = await buy(ledger, kept, **given)

    spend = await ledger.by_request(text, text)
    assert spend is not None
    assert (spend.ledger_id, spend.fingerprint) == (ledger_id, text)
    known = {"ledger_id": ledger_id, "code_received_at": NOW}
    assert await ledger.record("account", kept, NOW) == kept.model_copy(update=known)


@pytest.mark.parametrize("text", ["a\0b", "\0", "\ud800"])
async def test_texts_no_column_holds_are_refused_and_nothing_is_written(
    ledger: Ledger, text: str
) -> None:
    given: dict[str, Any]
    for name in ("request_id", "fingerprint", "caller_id", "service_code", "ledger_id"):
        given = {name: text}
        with pytest.raises(Unstorable):
            await ledger.begin(intent(**given))
    with pytest.raises(Unstorable):
        await ledger.by_request("caller", text)
    assert await spent(ledger) == ("0.00", "0.00")


async def test_a_purchase_is_not_lost_over_what_no_column_holds(ledger: Ledger) -> None:
    odd = rental().model_copy(update={"service_name": "a\0b", "code": "\ud800"})

    await buy(ledger, odd)

    found = await ledger.find(MINE, "rental", 12345)
    assert isinstance(found, Rental)
    assert (found.service_name, found.code) == ("a\ufffdb", "?")


async def test_ids_reach_to_64_bits(ledger: Ledger) -> None:
    await buy(ledger, rental(MAX_ID), subject_id=MAX_ID)

    found = await ledger.find(MINE, "rental", MAX_ID)
    assert found is not None
    assert found.id == MAX_ID
    with pytest.raises(Unstorable):
        await ledger.find(MINE, "rental", MAX_ID + 1)
    with pytest.raises(StoreError):
        await ledger.begin(intent(subject_id=MAX_ID + 1))


async def test_a_failing_one_does_not_take_others_with_it(ledger: Ledger) -> None:
    wanted = [intent(request_id="\0" if number % 5 == 0 else None) for number in range(50)]

    answers = await asyncio.gather(*map(ledger.begin, wanted), return_exceptions=True)

    assert answers.count(None) == 40
    assert await spent(ledger) == ("22.00", "22.00")
