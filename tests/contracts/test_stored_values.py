"""Amounts, texts and ids come back as they went in, or are refused."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from adapters.store import StoreError, Unstorable
from gateway.core.model.rentals import Rental
from gateway.core.model.values import MAX_ID
from gateway.core.ports.ledger import Ledger
from tests.support.ledger import MINE, NOW, buy, intent, rental, spent, stored


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
    assert await ledger.record("account", kept, NOW) == stored(kept.model_copy(update=known))


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
