"""The price cache: who is asked how often, and what serves meanwhile."""

import asyncio
from dataclasses import dataclass
from typing import Any, cast

import pytest

from gateway.core.model.errors import GatewayError
from gateway.core.model.prices import ListPrices, Price, PricePage
from gateway.core.model.provider_errors import UpstreamAuthFailed, UpstreamUnavailable
from gateway.core.prices.cache import PriceCache
from gateway.core.upstream.account import AccountUpstream
from tests.support.core import Clock, FakeProvider, RecordingObserver, price, settle

ALL = ListPrices()
FIRST, SECOND = [price(amount="0.55")], [price(amount="0.60")]


@dataclass
class FakeUpstream:
    """An account whose calls go straight to a provider."""

    account_id: str
    provider: FakeProvider

    async def ask(self, call: object, asked: object) -> Any:
        return await self.provider.call(call, asked)


class WiredCache:
    """A price cache with its clock, its observer and its provider."""

    def __init__(self, *answers: list[Price] | Exception) -> None:
        self.clock, self.observer = Clock(), RecordingObserver()
        self.provider = FakeProvider(list(answers))
        self.cache = PriceCache(self.clock, self.observer, fresh=60.0, keep=3600.0)

    async def ask(self, asked: ListPrices = ALL, account: str = "alice") -> PricePage:
        return await self.cache.page(
            cast(AccountUpstream, FakeUpstream(account, self.provider)), asked
        )


async def test_many_askers_cost_one_fetch() -> None:
    wired = WiredCache(FIRST)
    pages = await asyncio.gather(*(wired.ask() for _ in range(100)))

    assert wired.provider.asked == 1
    assert all(page is pages[0] for page in pages)
    assert pages[0].data == FIRST
    assert not pages[0].stale


@pytest.mark.parametrize("age", [0.0, 59.9])
async def test_a_fresh_list_is_not_asked_for_again(age: float) -> None:
    wired = WiredCache(FIRST, SECOND)
    first = await wired.ask()
    wired.clock.pass_by(age)
    again = await wired.ask()
    await settle()

    assert again is first
    assert wired.provider.asked == 1
    assert wired.observer.lookups == ["miss", "fresh"]


async def test_a_stale_list_serves_at_once_while_one_refresh_runs() -> None:
    wired = WiredCache(FIRST, SECOND)
    first = await wired.ask()
    wired.clock.pass_by(60.0)
    wired.provider.open.clear()
    stale = [await wired.ask() for _ in range(50)]
    await settle()
    while_running = wired.provider.asked
    wired.provider.open.set()
    await settle()
    fresh = await wired.ask()

    assert while_running == 2
    assert all(page.stale and page.data == FIRST for page in stale)
    assert stale[0].fetched_at == first.fetched_at
    assert (fresh.data, fresh.stale, wired.provider.asked) == (SECOND, False, 2)
    assert fresh.fetched_at == wired.clock.now()


async def test_a_stale_list_serves_up_to_an_hour_while_the_provider_fails() -> None:
    wired = WiredCache(FIRST, UpstreamUnavailable())
    first = await wired.ask()
    wired.clock.pass_by(3599.9)
    late = await wired.ask()
    await settle()
    wired.clock.pass_by(0.1)

    assert (late.data, late.stale, late.fetched_at) == (FIRST, True, first.fetched_at)
    with pytest.raises(UpstreamUnavailable):
        await wired.ask()


async def test_a_list_older_than_an_hour_is_never_served_before_it_is_fetched_anew() -> None:
    wired = WiredCache(FIRST, SECOND)
    await wired.ask()
    wired.clock.pass_by(3600.0)

    assert (await wired.ask()).data == SECOND
    assert wired.observer.lookups == ["miss", "miss"]


async def test_a_provider_that_fails_is_left_in_peace_for_seconds() -> None:
    wired = WiredCache(FIRST, UpstreamUnavailable())
    await wired.ask()
    wired.clock.pass_by(60.0)
    for _ in range(10):
        await wired.ask()
        await settle()
    asked = wired.provider.asked
    wired.clock.pass_by(2.0)
    await wired.ask()
    await settle()

    assert asked == 2
    assert wired.provider.asked == 3


async def test_accounts_never_see_each_others_prices() -> None:
    wired = WiredCache(FIRST, SECOND)
    alice = await wired.ask(account="alice")
    bob = await wired.ask(account="bob")
    again = await wired.ask(account="alice")

    assert (alice.data, bob.data) == (FIRST, SECOND)
    assert again is alice


async def test_two_accounts_are_fetched_side_by_side() -> None:
    wired = WiredCache(FIRST)
    wired.provider.open.clear()
    asking = [asyncio.create_task(wired.ask(account=name)) for name in ("alice", "bob")]
    await settle()
    wired.provider.open.set()
    await asyncio.gather(*asking)

    assert wired.provider.asked == 2


async def test_a_key_refused_on_refresh_loses_its_list_and_nobody_elses() -> None:
    wired = WiredCache(FIRST, FIRST, UpstreamAuthFailed())
    await wired.ask(account="alice")
    await wired.ask(account="bob")
    wired.clock.pass_by(60.0)
    await wired.ask(account="alice")
    await settle()

    with pytest.raises(UpstreamAuthFailed):
        await wired.ask(account="alice")
    assert (await wired.ask(account="bob")).data == FIRST


async def test_a_key_refused_at_the_first_look_is_left_in_peace_like_any_failure() -> None:
    wired = WiredCache(UpstreamAuthFailed())
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    with pytest.raises(UpstreamAuthFailed):
        await wired.ask()
    await settle()

    assert wired.observer.lookups == ["miss", "failed"]
    assert faults == []


@pytest.mark.parametrize("fault", [UpstreamUnavailable(), ValueError("a bug")])
async def test_everybody_who_waits_for_a_failing_fetch_hears_of_it(fault: Exception) -> None:
    wired = WiredCache(fault)
    heard = await asyncio.gather(*(wired.ask() for _ in range(5)), return_exceptions=True)
    await settle()

    assert heard == [fault] * 5
    assert wired.provider.asked == 1
    assert wired.observer.lookups[-1] == "failed"
    assert bool(wired.observer.faults) is not isinstance(fault, GatewayError)


async def test_an_asker_who_hangs_up_does_not_end_the_fetch_for_the_others() -> None:
    wired = WiredCache(FIRST)
    wired.provider.open.clear()
    leaving, staying = (asyncio.create_task(wired.ask()) for _ in range(2))
    await settle()
    leaving.cancel()
    await settle()
    wired.provider.open.set()

    assert (await staying).data == FIRST
    assert leaving.cancelled()
    assert wired.provider.asked == 1


async def test_a_failure_nobody_waits_for_any_more_is_swallowed() -> None:
    wired = WiredCache(UpstreamUnavailable())
    wired.provider.open.clear()
    leaving = asyncio.create_task(wired.ask())
    await settle()
    leaving.cancel()
    wired.provider.open.set()
    await settle()

    assert leaving.cancelled()
    assert wired.observer.lookups == ["miss", "failed"]


async def test_closing_ends_the_fetches_under_way() -> None:
    wired = WiredCache(FIRST)
    wired.provider.open.clear()
    waiting = asyncio.create_task(wired.ask())
    await settle()
    await wired.cache.close()
    await settle()

    assert waiting.cancelled()


async def test_a_page_is_one_object_for_each_question_so_that_its_bytes_can_be_kept() -> None:
    wired = WiredCache([price("a"), price("b")])
    short, whole = ListPrices(limit=1), ListPrices()

    assert await wired.ask(short) is await wired.ask(ListPrices(limit=1))
    assert await wired.ask(short) is not await wired.ask(whole)


async def test_a_list_kept_shorter_than_fresh_is_kept_while_it_is_fresh() -> None:
    wired = WiredCache(FIRST, SECOND)
    wired.cache = PriceCache(wired.clock, wired.observer, fresh=60.0, keep=10.0)
    await wired.ask()
    wired.clock.pass_by(59.0)

    assert (await wired.ask()).data == FIRST
