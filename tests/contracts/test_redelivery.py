"""The answer of a purchase whose caller hung up is handed out once."""

import asyncio
from datetime import timedelta

from gateway.core.ports.ledger import Ledger
from tests.support.ledger import ANSWER, LATER, NOW, UNKNOWN, buy, end, rental

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
