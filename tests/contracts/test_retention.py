"""Old codes, answers and request ids are deleted; what is open and what was spent stays."""

from datetime import timedelta

from gateway.core.model.rentals import Rental
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
    stored,
)


async def test_old_codes_answers_and_request_ids_are_deleted(ledger: Ledger) -> None:
    ledger_id = await buy(ledger, rental(code="1"), request_id="r1")
    await end(ledger, REFUSED, request_id="r2")
    soon = NOW + timedelta(microseconds=1)

    assert await ledger.purge(NOW, NOW) == 0
    assert await ledger.purge(NOW, soon) == 2
    assert await ledger.by_request("caller", "r1") is None
    spend = await ledger.spend(ledger_id)
    assert spend is not None
    assert spend.answer == ANSWER
    assert await ledger.purge(soon, soon) == 6  # with two events, and the code itself
    assert await ledger.purge(soon, soon) == 0
    spend = await ledger.spend(ledger_id)
    assert spend is not None
    assert spend.answer is None
    assert await ledger.find(MINE, "rental", 12345) == stored(rental(ledger_id=ledger_id))
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

    assert await ledger.purge(soon, soon) == 1  # the alarm, which is an event like any other
    assert await ledger.by_request("caller", "r1") is not None
    assert await ledger.by_request("caller", "r2") is not None


async def test_a_newer_code_is_kept_longer(ledger: Ledger) -> None:
    await buy(ledger, rental(code="1"))
    await ledger.record("account", rental(code="2"), LATER)

    await ledger.purge(LATER, LATER)

    found = await ledger.find(MINE, "rental", 12345)
    assert isinstance(found, Rental)
    assert found.code == "2"
