"""The price cache: who is asked how often, and what serves meanwhile."""

import asyncio
from dataclasses import dataclass
from typing import Any, cast

import pytest

from gateway.core.model.errors import GatewayError
from gateway.core.model.prices import ListPrices, Price, PricePage
from gateway.core.model.provider_errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamUnavailable,
)
from gateway.core.model.values import Charged
from gateway.core.prices import cache
from gateway.core.prices.cache import PriceCache
from gateway.core.prices.price_list import Contradiction
from gateway.core.upstream.account import AccountUpstream
from tests.support.core import Clock, FakeProvider, RecordingObserver, price, settle

ALL = ListPrices()
FIRST, SECOND = [price(amount="0.55")], [price(amount="0.60")]
DOWN = UpstreamUnavailable()
TOO_DEAR = Contradiction("whatsapp", sold_out=False, explained_by=lambda row: row.price > 0.57)
SOLD_OUT = Contradiction("whatsapp", sold_out=True, explained_by=lambda row: row.stock == 0)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer waits for its refresh as long as a busy machine may need."""
    monkeypatch.setattr(cache, "_PATIENCE", 60.0)


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

    def upstream(self, account: str = "alice") -> AccountUpstream:
        return cast(AccountUpstream, FakeUpstream(account, self.provider))

    async def ask(self, asked: ListPrices = ALL, account: str = "alice") -> PricePage:
        return await self.cache.page(self.upstream(account), asked)

    async def refuse(self, refusal: Contradiction | None = TOO_DEAR) -> None:
        await self.cache.contradicted(self.upstream(), refusal)

    async def quoted(self) -> list[Price]:
        """What the next purchase is reserved at."""
        return await self.cache.current(self.upstream(), quoting="whatsapp")

    def dawdle(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The provider answers when it is let, which nobody has the patience to wait for."""
        self.provider.open.clear()
        monkeypatch.setattr(cache, "_PATIENCE", 0.01)


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


async def test_a_list_past_its_time_is_refreshed_once_before_anybody_is_answered() -> None:
    wired = WiredCache(FIRST, SECOND)
    await wired.ask()
    wired.clock.pass_by(60.0)
    pages = await asyncio.gather(*(wired.ask() for _ in range(50)))

    assert wired.provider.asked == 2
    assert all(page is pages[0] for page in pages)
    assert (pages[0].data, pages[0].stale) == (SECOND, False)
    assert pages[0].fetched_at == wired.clock.now()


async def test_a_stale_list_serves_while_the_provider_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wired = WiredCache(FIRST, SECOND)
    first = await wired.ask()
    wired.clock.pass_by(60.0)
    wired.dawdle(monkeypatch)
    stale = await asyncio.gather(*(wired.ask() for _ in range(50)))
    while_running = wired.provider.asked
    wired.provider.open.set()
    await settle()
    fresh = await wired.ask()

    assert while_running == 2
    assert all(page.stale and page.data == FIRST for page in stale)
    assert stale[0].fetched_at == first.fetched_at
    assert (fresh.data, fresh.stale, wired.provider.asked) == (SECOND, False, 2)


async def test_who_asks_later_does_not_wait_a_second_of_his_own() -> None:
    wired = WiredCache(FIRST, SECOND)
    await wired.ask()
    wired.clock.pass_by(60.0)
    wired.provider.open.clear()
    early = asyncio.create_task(wired.ask())
    await settle()
    wired.clock.pass_by(60.0)  # longer than any answer waits for a fetch
    late = asyncio.create_task(wired.ask())
    await settle()

    assert (early.done(), late.done()) == (False, True)
    assert late.result().stale
    wired.provider.open.set()
    assert (await early).data == SECOND


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

    for _ in range(2):
        with pytest.raises(UpstreamAuthFailed):
            await wired.ask(account="alice")
    wired.clock.pass_by(-60.0)
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


async def test_a_price_just_contradicted_is_read_anew_before_the_refusal_is_answered() -> None:
    wired = WiredCache(FIRST, SECOND)
    before = await wired.ask()
    await wired.refuse()
    asked = wired.provider.asked
    page = await wired.ask()

    assert asked == wired.provider.asked == 2
    assert (before.data, page.data, page.stale) == (FIRST, SECOND, False)
    assert await wired.quoted() == SECOND
    assert wired.cache.quoted("alice", "whatsapp") == SECOND[0]


async def test_a_price_that_cannot_be_read_anew_is_quoted_nowhere() -> None:
    other = price("telegram")
    wired = WiredCache([*FIRST, other], DOWN, DOWN, [*SECOND, other])
    await wired.ask()
    await wired.refuse()
    page = await wired.ask()
    with pytest.raises(UpstreamUnavailable):
        await wired.quoted()
    of_the_other = await wired.cache.current(wired.upstream(), quoting="telegram")
    of_this = await wired.cache.page(wired.upstream(), ListPrices(service_code="whatsapp"))

    assert of_this.notice is not None
    assert of_this.notice.startswith("The provider refuses the price that it lists")
    assert (page.data, page.stale, page.withheld) == ([other], True, (FIRST[0],))
    assert page.model_dump().keys() == {"data", "next_cursor", "notice", "fetched_at", "stale"}
    assert wired.cache.quoted("alice", "whatsapp") is None
    assert other in of_the_other
    assert wired.cache.known("alice") == [*FIRST, other]  # the names of services stay known
    wired.clock.pass_by(5.0)
    again = await wired.ask()
    assert (again.data, again.stale, again.withheld) == ([other, *SECOND], False, ())


async def test_a_service_just_sold_out_has_no_stock_until_it_is_read_anew() -> None:
    stocked = [price(stock=7)]
    wired = WiredCache(stocked, DOWN, stocked)
    await wired.ask()
    await wired.refuse(SOLD_OUT)
    page = await wired.ask()
    wired.clock.pass_by(5.0)
    again = await wired.ask()

    assert ([row.stock for row in page.data], page.stale) == ([0], True)
    assert page.data[0].price == stocked[0].price
    assert (again.data, again.stale) == (stocked, False)


async def test_a_refusal_of_wishes_reads_the_list_anew_and_contradicts_nothing() -> None:
    wired = WiredCache(FIRST, DOWN)
    first = await wired.ask()
    await wired.refuse(None)

    assert wired.provider.asked == 2
    assert await wired.ask() is first


async def test_refusals_within_five_seconds_cost_one_fetch() -> None:
    wired = WiredCache(FIRST, SECOND)
    await wired.ask()
    await asyncio.gather(*(wired.refuse() for _ in range(20)))
    wired.clock.pass_by(4.9)
    await wired.refuse()
    explained = await wired.ask()
    asked = wired.provider.asked
    wired.clock.pass_by(0.1)
    await wired.refuse()

    assert asked == 2
    assert (explained.data, explained.stale) == (SECOND, False)
    assert wired.provider.asked == 3


async def test_a_second_refusal_that_the_new_list_does_not_explain_withholds_the_row() -> None:
    wired = WiredCache(FIRST, FIRST, SECOND)
    await wired.ask()
    await wired.refuse()
    quoted_anew = await wired.ask()
    await wired.refuse()
    page, asked = await wired.ask(), wired.provider.asked
    reserved_at = await wired.quoted()

    assert (quoted_anew.data, quoted_anew.stale) == (FIRST, False)
    assert (page.data, page.stale, asked) == ([], True, 2)
    assert reserved_at == SECOND  # a purchase waits for the fetch


async def test_an_old_list_explains_no_refusal() -> None:
    wired = WiredCache(SECOND, DOWN)
    await wired.ask()
    wired.clock.pass_by(5.1)
    await wired.refuse()

    assert (await wired.ask()).data == []


@pytest.mark.parametrize("first_list", [True, False])
async def test_a_fetch_begun_before_the_refusal_is_not_believed(first_list: bool) -> None:
    wired = WiredCache(*([FIRST] * (1 + first_list)), SECOND)
    if first_list:
        await wired.ask()
        wired.clock.pass_by(60.0)
    wired.provider.open.clear()
    asking = asyncio.create_task(wired.ask())
    await settle()
    refused = [asyncio.create_task(wired.refuse()) for _ in range(3)]
    await settle()
    wired.provider.open.set()
    seen = await asking
    await asyncio.gather(*refused)

    assert (seen.data, seen.stale) == ([], True)
    assert (await wired.ask()).data == SECOND
    assert wired.provider.asked == 2 + first_list


async def test_a_purchase_is_not_reserved_by_a_fetch_begun_before_the_refusal() -> None:
    wired = WiredCache(FIRST, SECOND)
    wired.provider.open.clear()
    quoting = asyncio.create_task(wired.quoted())
    await settle()
    refused = asyncio.create_task(wired.refuse())
    await settle()
    wired.provider.open.set()
    await refused

    assert await quoting == SECOND


async def test_a_refusal_is_answered_although_the_provider_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wired = WiredCache(FIRST, SECOND)
    await wired.ask()
    wired.dawdle(monkeypatch)
    await wired.refuse()
    meanwhile = await wired.ask()
    wired.provider.open.set()
    await settle()

    assert meanwhile.data == []
    assert (await wired.ask()).data == SECOND
    assert wired.provider.asked == 2


async def test_a_provider_that_fails_is_left_in_peace_by_refusals_too() -> None:
    wired = WiredCache(FIRST, DOWN)
    await wired.ask()
    wired.clock.pass_by(60.0)
    await wired.ask()
    await wired.refuse()

    assert wired.provider.asked == 2


async def test_a_price_that_is_refused_while_its_refresh_fails_is_not_reserved_at() -> None:
    wired = WiredCache(FIRST, DOWN)
    await wired.ask()
    wired.clock.pass_by(60.0)
    wired.provider.open.clear()
    quoting = asyncio.create_task(wired.quoted())
    await settle()
    refused = asyncio.create_task(wired.refuse())
    await settle()
    wired.provider.open.set()
    await refused

    with pytest.raises(UpstreamUnavailable):
        await quoting


async def test_a_price_that_is_refused_whenever_it_is_read_is_not_read_for_ever() -> None:
    wired = WiredCache(FIRST)
    await wired.ask()

    @dataclass
    class Contradicting(FakeUpstream):
        """Refuses a purchase of somebody else while it tells its prices."""

        async def ask(self, call: object, asked: object) -> Any:
            answer = await self.provider.call(call, asked)
            if self.provider.asked < 50:
                refused.append(asyncio.ensure_future(wired.refuse()))
                await settle()
            return answer

    refused: list[asyncio.Future[None]] = []
    upstream = cast(AccountUpstream, Contradicting("alice", wired.provider))
    for _ in range(2):  # after the second one it is not read anew
        await wired.refuse()
    with pytest.raises(UpstreamError) as error:
        await wired.cache.current(upstream, quoting="whatsapp")
    await asyncio.gather(*refused)

    assert error.value.charged is Charged.NO
    assert wired.provider.asked < 10


OTHER = [price("telegram", "1.00", service_name="Telegram")]


async def service(wired: WiredCache, asked: str) -> str | None:
    """The code of what is found, or of the error."""
    try:
        found = await wired.cache.service(wired.upstream(), asked)
    except GatewayError as error:
        return error.code
    return None if found is None else found.service_code


async def test_a_name_is_found_in_a_fresh_list_without_a_call() -> None:
    wired = WiredCache(FIRST)
    await wired.ask()
    wired.clock.pass_by(59.0)

    assert await service(wired, "WhatsApp") == "whatsapp"
    assert wired.provider.asked == 1


async def test_a_service_that_is_new_is_found_in_a_list_read_anew() -> None:
    wired = WiredCache(FIRST, OTHER)
    await wired.ask()
    wired.clock.pass_by(5.1)

    assert await service(wired, "Telegram") == "telegram"
    assert wired.provider.asked == 2


async def test_misses_read_the_list_anew_every_few_seconds_at_the_most() -> None:
    wired = WiredCache(FIRST, FIRST, OTHER)
    await wired.ask()
    wired.clock.pass_by(5.0)
    young = await service(wired, "Telegram"), wired.provider.asked
    wired.clock.pass_by(1.0)
    anew = [await service(wired, "Telegram") for _ in range(20)], wired.provider.asked
    wired.clock.pass_by(5.1)
    later = await service(wired, "Telegram"), wired.provider.asked

    assert young == ("service_not_found", 1)
    assert anew == (["service_not_found"] * 20, 2)
    assert later == ("telegram", 3)


async def test_no_list_and_one_that_is_stale_tell_of_no_miss_while_the_provider_fails() -> None:
    wired = WiredCache(DOWN, FIRST, DOWN, DOWN, DOWN)
    none = await service(wired, "Telegram")
    await wired.ask()
    wired.clock.pass_by(61.0)
    known, unknown = await service(wired, "WhatsApp"), await service(wired, "Telegram")

    assert (none, known, unknown) == (None, "whatsapp", None)


async def test_a_fresh_list_tells_of_a_miss_while_the_provider_fails() -> None:
    wired = WiredCache(FIRST, DOWN)
    await wired.ask()
    wired.clock.pass_by(30.0)

    assert await service(wired, "Telegram") == "service_not_found"
    assert wired.provider.asked == 2


async def test_a_key_that_is_refused_is_told_when_a_name_is_looked_up() -> None:
    wired = WiredCache(UpstreamAuthFailed())

    assert await service(wired, "Telegram") == "upstream_auth_failed"


async def test_a_price_that_was_contradicted_is_no_candidate() -> None:
    wired = WiredCache([*FIRST, *OTHER], DOWN)
    await wired.ask()
    wired.clock.pass_by(1.0)
    before = await wired.cache.candidates(wired.upstream(), "whatsap")
    await wired.refuse(Contradiction("whatsapp", sold_out=False, explained_by=lambda row: False))
    after = await wired.cache.candidates(wired.upstream(), "whatsap")

    assert [each.service_code for each in before] == ["whatsapp"]
    assert after == ()


async def test_candidates_of_a_provider_that_fails_are_none() -> None:
    wired = WiredCache(DOWN, UpstreamAuthFailed())
    fails = await wired.cache.candidates(wired.upstream(), "whatsap")
    wired.clock.pass_by(3.0)

    assert fails == await wired.cache.candidates(wired.upstream(), "whatsap") == ()
    assert wired.provider.asked == 2


async def test_only_an_empty_page_has_a_notice_and_it_is_kept_like_any_other() -> None:
    wired = WiredCache(FIRST)
    some, none = await wired.ask(), await wired.ask(ListPrices(query="whatsap1"))

    assert some.notice is None
    assert none.notice == "No service's name or code holds 'whatsap1'. Close: whatsapp 0.55."
    assert await wired.ask(ListPrices(query="whatsap1")) is none
