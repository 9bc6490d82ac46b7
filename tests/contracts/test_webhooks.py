"""Provisional codes from webhooks, and webhook deliveries on their way to their targets."""

import asyncio
from datetime import timedelta

from adapters.store import Store, open_store
from gateway.core.ports.storage import ProvisionalCode
from tests.support.ledger import LATER, NOW, new_id

SOON = NOW + timedelta(microseconds=1)


async def add(store: Store, *targets: str, body: bytes = b"\0\xff") -> None:
    await store.outbox.add(targets, "a=1&b=%00", "text/plain", body, NOW)


async def test_the_newest_code_is_kept_also_of_a_rental_nobody_knows(store: Store) -> None:
    assert await store.inbox.latest("account", 1) is None

    await store.inbox.keep("account", 1, ProvisionalCode("1", NOW))
    await store.inbox.keep("account", 1, ProvisionalCode("2", LATER))
    await store.inbox.keep("account", 1, ProvisionalCode("1", NOW))
    await store.inbox.keep("account", 2, ProvisionalCode("3", NOW))
    await store.inbox.keep("other", 1, ProvisionalCode("4\0", NOW))

    assert await store.inbox.latest("account", 1) == ProvisionalCode("2", LATER)
    assert await store.inbox.latest("account", 2) == ProvisionalCode("3", NOW)
    assert await store.inbox.latest("other", 1) == ProvisionalCode("4\ufffd", NOW)


async def test_codes_and_deliveries_outlive_the_store(store_url: str) -> None:
    async with open_store(store_url, new_id=new_id) as store:
        await store.inbox.keep("account", 1, ProvisionalCode("1", NOW))
        await add(store, "https://a")
    async with open_store(store_url, new_id=new_id) as store:
        assert await store.inbox.latest("account", 1) == ProvisionalCode("1", NOW)
        assert len(await store.outbox.due(NOW, LATER, 10)) == 1


async def test_a_delivery_for_each_target_as_it_came(store: Store) -> None:
    await add(store, "https://a", "https://b")

    deliveries = await store.outbox.due(NOW, LATER, 10)

    assert [delivery.target for delivery in deliveries] == ["https://a", "https://b"]
    for delivery in deliveries:
        assert delivery.query == "a=1&b=%00"
        assert delivery.content_type == "text/plain"
        assert delivery.body == b"\0\xff"
        assert delivery.tries == 1


async def test_a_delivery_comes_back_until_it_is_done(store: Store) -> None:
    await add(store, "https://a")
    [delivery] = await store.outbox.due(NOW, LATER, 10)

    assert await store.outbox.due(LATER - timedelta(microseconds=1), LATER, 10) == []
    [again] = await store.outbox.due(LATER, LATER + timedelta(minutes=1), 10)
    assert (again.id, again.tries) == (delivery.id, 2)
    await store.outbox.put_off(delivery.id, LATER)
    [again] = await store.outbox.due(LATER, LATER + timedelta(minutes=1), 10)
    assert again.tries == 3
    await store.outbox.done(delivery.id)
    assert await store.outbox.due(LATER + timedelta(days=1), LATER + timedelta(days=2), 10) == []


async def test_two_takers_never_have_the_same_delivery(store_url: str, store: Store) -> None:
    await add(store, *(f"https://{number}" for number in range(100)))
    taken: list[str] = []

    async def take(one: Store) -> None:
        while deliveries := await one.outbox.due(NOW, LATER, 7):
            assert len(deliveries) <= 7
            taken.extend(delivery.target for delivery in deliveries)

    async with open_store(store_url, new_id=new_id) as other:
        await asyncio.gather(*(take(one) for one in (store, other) * 4))
        # Those skipped while another taker had them locked.
        await take(store)

    assert sorted(taken) == sorted(f"https://{number}" for number in range(100))


async def test_old_codes_and_deliveries_are_deleted(store: Store) -> None:
    await store.inbox.keep("account", 1, ProvisionalCode("1", NOW))
    await store.inbox.keep("account", 2, ProvisionalCode("2", LATER))
    await add(store, "https://a")

    assert await store.ledger.purge(NOW, NOW) == 0
    assert await store.ledger.purge(SOON, SOON) == 2
    assert await store.inbox.latest("account", 1) is None
    assert await store.inbox.latest("account", 2) == ProvisionalCode("2", LATER)
    assert await store.outbox.due(LATER, LATER, 10) == []
