"""The price list cache: fresh for a minute, then served stale while it refreshes, for an hour."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from cachetools import LRUCache

from gateway.core.model.account import Nothing
from gateway.core.model.errors import GatewayError
from gateway.core.model.prices import ListPrices, Price, PricePage
from gateway.core.model.provider_errors import UpstreamAuthFailed
from gateway.core.ports.clock import Clock
from gateway.core.ports.observer import Observer
from gateway.core.prices.search import select
from gateway.core.upstream.account import AccountUpstream
from gateway.core.upstream.calls import PRICES

_ACCOUNTS = 1000
_PAGES = 64
_PAUSE_AFTER_FAILURE = 2.0  # seconds
_ALL = Nothing()


@dataclass(frozen=True, slots=True)
class PriceList:
    """A complete price list, and the pages made of it. `since` is monotonic seconds."""

    prices: list[Price]
    fetched_at: datetime
    since: float
    pages: dict[tuple[ListPrices, bool], PricePage] = field(default_factory=dict)

    def page(self, asked: ListPrices, *, stale: bool) -> PricePage:
        """The requested page; the same object each time, so that faces can cache its bytes."""
        key = (asked, stale)
        page = self.pages.get(key)
        if page is None:
            data, cursor = select(self.prices, asked)
            if len(self.pages) >= _PAGES:
                del self.pages[next(iter(self.pages))]
            page = self.pages[key] = PricePage(
                data=data, next_cursor=cursor, fetched_at=self.fetched_at, stale=stale
            )
        return page


class PriceCache:
    """The price lists by account.

    `fresh` and `keep` are seconds from the fetch: until a list is stale, and until it is unusable.
    Single flight: concurrent requests share one fetch for an account.
    """

    def __init__(
        self, clock: Clock, observer: Observer, *, fresh: float = 60.0, keep: float = 3600.0
    ) -> None:
        self._clock = clock
        self._observer = observer
        self._fresh = fresh
        self._keep = max(keep, fresh)
        self._lists: LRUCache[str, PriceList] = LRUCache(_ACCOUNTS)
        self._fetches: dict[str, asyncio.Task[PriceList]] = {}
        self._not_before: LRUCache[str, float] = LRUCache(_ACCOUNTS)

    async def page(self, upstream: AccountUpstream, asked: ListPrices) -> PricePage:
        """A page of the account's prices. A stale one starts a refresh in the background."""
        listed = self._lists.get(upstream.account_id)
        age = self._clock.monotonic() - listed.since if listed else self._keep
        if listed is None or age >= self._keep:
            self._observer.prices_looked_up("miss")
            return (await self.fetch(upstream)).page(asked, stale=False)
        if age < self._fresh:
            self._observer.prices_looked_up("fresh")
            return listed.page(asked, stale=False)
        self._observer.prices_looked_up("stale")
        self._refresh(upstream)
        return listed.page(asked, stale=True)

    async def fetch(self, upstream: AccountUpstream) -> PriceList:
        """Fetch the price list; joins a fetch under way."""
        return await asyncio.shield(self._fetch_task(upstream))

    async def current(self, upstream: AccountUpstream) -> list[Price]:
        """The account's prices: fresh, or cached ones where the provider fails."""
        listed = self._lists.get(upstream.account_id)
        age = self._clock.monotonic() - listed.since if listed else self._keep
        if listed is not None and age < self._fresh:
            return listed.prices
        try:
            return (await self.fetch(upstream)).prices
        except UpstreamAuthFailed:
            raise
        except GatewayError:
            if listed is None or age >= self._keep:
                raise
            return listed.prices

    def known(self, account_id: str) -> list[Price]:
        """The last fetched prices of an account, of any age; makes no call."""
        listed = self._lists.get(account_id)
        return listed.prices if listed else []

    async def close(self) -> None:
        """Cancel the fetches under way."""
        tasks = list(self._fetches.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _refresh(self, upstream: AccountUpstream) -> None:
        if self._clock.monotonic() >= self._not_before.get(upstream.account_id, 0.0):
            self._fetch_task(upstream)

    def _fetch_task(self, upstream: AccountUpstream) -> asyncio.Task[PriceList]:
        account = upstream.account_id
        task = self._fetches.get(account)
        if task is None:
            task = self._fetches[account] = asyncio.create_task(self._fetch(upstream))
            task.add_done_callback(lambda done: self._fetched(account, done))
        return task

    async def _fetch(self, upstream: AccountUpstream) -> PriceList:
        prices = await upstream.ask(PRICES, _ALL)
        return PriceList(prices, self._clock.now(), self._clock.monotonic())

    def _fetched(self, account: str, task: asyncio.Task[PriceList]) -> None:
        self._fetches.pop(account, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._lists[account] = task.result()
            return
        self._not_before[account] = self._clock.monotonic() + _PAUSE_AFTER_FAILURE
        if isinstance(error, UpstreamAuthFailed):
            self._lists.pop(account, None)  # a revoked key must not read the cache
        self._observer.prices_looked_up("failed")
        if not isinstance(error, GatewayError):
            self._observer.background_failed("prices", error)
