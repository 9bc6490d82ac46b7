"""The ids of test rentals: each once, whoever counts at the same time."""

import asyncio

from adapters.store import Store, open_store
from tests.support.ledger import new_id


async def test_no_id_is_given_twice(store: Store) -> None:
    given = await asyncio.gather(*(store.sandbox_ids.next(9_000) for _ in range(50)))

    assert sorted(given) == [*range(9_000, 9_050)]


async def test_it_goes_on_where_it_was_after_a_restart(store_url: str) -> None:
    async with open_store(store_url, new_id=new_id) as store:
        before = [await store.sandbox_ids.next(9_000) for _ in range(2)]
    async with open_store(store_url, new_id=new_id) as store:
        after = await store.sandbox_ids.next(9_000)

    assert (before, after) == ([9_000, 9_001], 9_002)
