"""The answer of a purchase whose caller hung up is handed out once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.store import open_store
from gateway.core.ports.ledger import Ledger
from tests.support.ledger import ANSWER, LATER, NOW, UNKNOWN, bought, buy, end, new_id, rental

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


async def bought_redeliverably(ledger: Ledger) -> str:
    outcome = replace(bought(rental()), redeliverable=True)
    return await end(ledger, outcome)


async def take(ledger: Ledger) -> str | None:
    taken = await ledger.take_undelivered("caller", "rent whatsapp", A_MINUTE_AGO)
    return None if taken is None else taken.ledger_id


async def test_while_its_process_lives_an_answer_is_on_its_way(ledger: Ledger) -> None:
    await bought_redeliverably(ledger)
    await ledger.recover(LATER)

    assert await take(ledger) is None


@pytest.mark.parametrize("delivered", [True, False])
async def test_of_a_dead_process_only_what_was_not_delivered_is_handed_out(
    store_url: str, delivered: bool
) -> None:
    async with open_store(store_url, new_id=new_id) as dying:
        ledger_id = await bought_redeliverably(dying.ledger)
        if delivered:
            await dying.ledger.mark_delivered([ledger_id])
    async with open_store(store_url, new_id=new_id) as store:
        found = await store.ledger.find_abandoned("caller", "rent whatsapp", A_MINUTE_AGO, NOW)
        first, again = await take(store.ledger), await take(store.ledger)

    assert found is None
    assert (first, again) == (None if delivered else ledger_id, None)


async def test_what_was_handed_out_again_is_its_new_owners(store_url: str) -> None:
    async with open_store(store_url, new_id=new_id) as dying:
        ledger_id = await bought_redeliverably(dying.ledger)
    async with open_store(store_url, new_id=new_id) as second:
        await second.ledger.recover(NOW)
        first = await take(second.ledger)
        async with open_store(store_url, new_id=new_id) as third:
            await third.ledger.recover(NOW)
            meanwhile = await take(third.ledger)
    async with open_store(store_url, new_id=new_id) as fourth:
        await fourth.ledger.recover(NOW)
        once_more = await take(fourth.ledger)

    assert (first, meanwhile, once_more) == (ledger_id, None, ledger_id)


async def test_what_was_bought_long_before_the_death_is_not_handed_out(store_url: str) -> None:
    async with open_store(store_url, new_id=new_id) as dying:
        outcome = replace(bought(rental()), redeliverable=True)
        await end(dying.ledger, outcome, at=A_MINUTE_AGO - timedelta(seconds=1))
    async with open_store(store_url, new_id=new_id) as store:
        await store.ledger.recover(NOW)

        assert await take(store.ledger) is None
