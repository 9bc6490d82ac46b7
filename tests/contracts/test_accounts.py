import asyncio

from adapters.store import Store, open_store
from tests.support.ledger import LATER, NOW, new_id


async def test_an_account_is_accepted_once_and_for_all(store: Store, store_url: str) -> None:
    before = await store.accounts.is_accepted("account")
    await store.accounts.accept("account", NOW)
    await asyncio.gather(*(store.accounts.accept("account", LATER) for _ in range(5)))
    async with open_store(store_url, new_id=new_id) as another:
        on_another_node = await another.accounts.is_accepted("account")

    assert not before
    assert await store.accounts.is_accepted("account")
    assert on_another_node
    assert not await store.accounts.is_accepted("another")
