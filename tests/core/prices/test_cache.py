"""The price book: who is asked how often, and what serves meanwhile."""

import asyncio
from dataclasses import dataclass
from typing import Any, cast

import pytest

from gateway.core.model.errors import GatewayError
from gateway.core.model.prices import ListPrices, Price, PricePage
from gateway.core.model.provider_errors import UpstreamAuthFailed, UpstreamUnavailable
from gateway.core.prices.cache import PriceCache
from gateway.core.upstream.account import AccountUpstream
from tests.support.core import Clock, FakeProvider, Told, price, settle

ALL = ListPrices()
FIRST, SECOND = [price(amount="0.55")], [price(amount="0.60")]


@dataclass
class FakeUpstream:
    """An account whose calls go straight to a provider."""

    account_id: str
    provider: FakeProvider

    async def ask(self, call: object, asked: object) -> Any:
        return await self.provider.call(call, asked)


class Shop:
    """A price cache with its clock, its provider and one asker."""

    def __init__(self, *answers: list[Price] | Exception) -> None:
        self.clock, self.told = Clock(), Told()
        self.provider = FakeProvider(list(answers))
        self.book = PriceCache(self.clock, self.told, fresh=60.0, keep=3600.0)

    async def ask(self, asked: ListPrices = ALL, account: str = "alice") -> PricePage:
        return await self.book.page(
            cast(AccountUpstream, FakeUpstream(account, self.provider)), asked
        )


async def test_many_askers_cost_one_fetch() -> None:
    shop = Shop(FIRST)
    pages = await asyncio.gather(*(shop.ask() for _ in range(100)))

    assert shop.provider.asked == 1
    assert all(page is pages[0] for page in pages)
    assert pages[0].data == FIRST
    assert not pages[0].stale


@pytest.mark.parametrize("age", [0.0, 59.9])
async def test_a_fresh_list_is_not_asked_for_again(age: float) -> None:
    shop = Shop(FIRST, SECOND)
    first = await shop.ask()
    shop.clock.pass_by(age)
    again = await shop.ask()
    await settle()

    assert again is first
    assert shop.provider.asked == 1
    assert shop.told.lookups == ["miss", "fresh"]


async def test_a_stale_list_serves_at_once_while_one_refresh_runs() -> None:
    shop = Shop(FIRST, SECOND)
    first = await shop.ask()
    shop.clock.pass_by(60.0)
    shop.provider.open.clear()
    stale = [await shop.ask() for _ in range(50)]
    await settle()
    while_running = shop.provider.asked
    shop.provider.open.set()
    await settle()
    fresh = await shop.ask()

    assert while_running == 2
    assert all(page.stale and page.data == FIRST for page in stale)
    assert stale[0].fetched_at == first.fetched_at
    assert (fresh.data, fresh.stale, shop.provider.asked) == (SECOND, False, 2)
    assert fresh.fetched_at == shop.clock.now()


async def test_a_stale_list_serves_up_to_an_hour_while_the_provider_fails() -> None:
    shop = Shop(FIRST, UpstreamUnavailable())
    first = await shop.ask()
    shop.clock.pass_by(3599.9)
    late = await shop.ask()
    await settle()
    shop.clock.pass_by(0.1)

    assert (late.data, late.stale, late.fetched_at) == (FIRST, True, first.fetched_at)
    with pytest.raises(UpstreamUnavailable):
        await shop.ask()


async def test_a_list_older_than_an_hour_is_never_served_before_it_is_fetched_anew() -> None:
    shop = Shop(FIRST, SECOND)
    await shop.ask()
    shop.clock.pass_by(3600.0)

    assert (await shop.ask()).data == SECOND
    assert shop.told.lookups == ["miss", "miss"]


async def test_a_provider_that_fails_is_left_in_peace_for_seconds() -> None:
    shop = Shop(FIRST, UpstreamUnavailable())
    await shop.ask()
    shop.clock.pass_by(60.0)
    for _ in range(10):
        await shop.ask()
        await settle()
    asked = shop.provider.asked
    shop.clock.pass_by(2.0)
    await shop.ask()
    await settle()

    assert asked == 2
    assert shop.provider.asked == 3


async def test_accounts_never_see_each_others_prices() -> None:
    shop = Shop(FIRST, SECOND)
    alice = await shop.ask(account="alice")
    bob = await shop.ask(account="bob")
    again = await shop.ask(account="alice")

    assert (alice.data, bob.data) == (FIRST, SECOND)
    assert again is alice


async def test_two_accounts_are_fetched_side_by_side() -> None:
    shop = Shop(FIRST)
    shop.provider.open.clear()
    asking = [asyncio.create_task(shop.ask(account=name)) for name in ("alice", "bob")]
    await settle()
    shop.provider.open.set()
    await asyncio.gather(*asking)

    assert shop.provider.asked == 2


async def test_a_key_refused_on_refresh_loses_its_list_and_nobody_elses() -> None:
    shop = Shop(FIRST, FIRST, UpstreamAuthFailed())
    await shop.ask(account="alice")
    await shop.ask(account="bob")
    shop.clock.pass_by(60.0)
    await shop.ask(account="alice")
    await settle()

    with pytest.raises(UpstreamAuthFailed):
        await shop.ask(account="alice")
    assert (await shop.ask(account="bob")).data == FIRST


async def test_a_key_refused_at_the_first_look_is_left_in_peace_like_any_failure() -> None:
    shop = Shop(UpstreamAuthFailed())
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: faults.append(told))
    with pytest.raises(UpstreamAuthFailed):
        await shop.ask()
    await settle()

    assert shop.told.lookups == ["miss", "failed"]
    assert faults == []


@pytest.mark.parametrize("fault", [UpstreamUnavailable(), ValueError("a bug")])
async def test_everybody_who_waits_for_a_failing_fetch_hears_of_it(fault: Exception) -> None:
    shop = Shop(fault)
    heard = await asyncio.gather(*(shop.ask() for _ in range(5)), return_exceptions=True)
    await settle()

    assert heard == [fault] * 5
    assert shop.provider.asked == 1
    assert shop.told.lookups[-1] == "failed"
    assert bool(shop.told.faults) is not isinstance(fault, GatewayError)


async def test_an_asker_who_hangs_up_does_not_end_the_fetch_for_the_others() -> None:
    shop = Shop(FIRST)
    shop.provider.open.clear()
    leaving, staying = (asyncio.create_task(shop.ask()) for _ in range(2))
    await settle()
    leaving.cancel()
    await settle()
    shop.provider.open.set()

    assert (await staying).data == FIRST
    assert leaving.cancelled()
    assert shop.provider.asked == 1


async def test_a_failure_nobody_waits_for_any_more_is_swallowed() -> None:
    shop = Shop(UpstreamUnavailable())
    shop.provider.open.clear()
    leaving = asyncio.create_task(shop.ask())
    await settle()
    leaving.cancel()
    shop.provider.open.set()
    await settle()

    assert leaving.cancelled()
    assert shop.told.lookups == ["miss", "failed"]


async def test_closing_ends_the_fetches_under_way() -> None:
    shop = Shop(FIRST)
    shop.provider.open.clear()
    waiting = asyncio.create_task(shop.ask())
    await settle()
    await shop.book.close()
    await settle()

    assert waiting.cancelled()


async def test_a_page_is_one_object_for_each_question_so_that_its_bytes_can_be_kept() -> None:
    shop = Shop([price("a"), price("b")])
    short, whole = ListPrices(limit=1), ListPrices()

    assert await shop.ask(short) is await shop.ask(ListPrices(limit=1))
    assert await shop.ask(short) is not await shop.ask(whole)


async def test_a_list_kept_shorter_than_fresh_is_kept_while_it_is_fresh() -> None:
    shop = Shop(FIRST, SECOND)
    shop.book = PriceCache(shop.clock, shop.told, fresh=60.0, keep=10.0)
    await shop.ask()
    shop.clock.pass_by(59.0)

    assert (await shop.ask()).data == FIRST
