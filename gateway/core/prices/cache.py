"""The price list cache.

A list is fresh for a minute unless a refusal contradicts it. One that is not fresh is refreshed
before it is answered; it is served stale, up to an hour, only while the provider fails or is slow.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

from cachetools import LRUCache

from gateway.core.model.account import Nothing
from gateway.core.model.callers import TEST_ACCOUNT_ID
from gateway.core.model.errors import GatewayError
from gateway.core.model.prices import Candidate, ListPrices, Price, PricePage
from gateway.core.model.provider_errors import UpstreamAuthFailed, UpstreamError
from gateway.core.ports.clock import Clock
from gateway.core.ports.observer import Observer
from gateway.core.prices.price_list import YOUNG, Contradiction, PriceList
from gateway.core.prices.service_names import candidates, not_found, services_called
from gateway.core.upstream.account import AccountUpstream
from gateway.core.upstream.calls import PRICES

_ACCOUNTS = 1000
_PATIENCE = 1.0  # seconds from a fetch's beginning that an answer waits for it
_PAUSE_AFTER_FAILURE = 2.0  # seconds
_ALL = Nothing()


@dataclass(frozen=True, slots=True)
class _Fetch:
    """A fetch under way since these monotonic seconds, and the refusals it may not have seen."""

    task: asyncio.Task[PriceList]
    since: float
    refusals: list[tuple[Contradiction, float]]


class PriceCache:
    """The price lists by account.

    `fresh` and `keep` are seconds from the fetch: until a list is stale, and until it is unusable.
    Single flight: concurrent requests share one fetch for an account. `blocked`: services that are
    rented for nobody, and so are no candidates.
    """

    def __init__(
        self,
        clock: Clock,
        observer: Observer,
        *,
        fresh: float = 60.0,
        keep: float = 3600.0,
        blocked: Collection[str] = (),
    ) -> None:
        self._clock = clock
        self._observer = observer
        self._fresh = fresh
        self._keep = max(keep, fresh)
        self._blocked = {each.casefold() for each in blocked}
        self._lists: dict[str, PriceList] = {}  # those fetched longest ago first
        self.last = self._lists.get  # the last list of an account, of any age; makes no call
        self._fetches: dict[str, _Fetch] = {}
        self._not_before: LRUCache[str, float] = LRUCache(_ACCOUNTS)
        self._reread_not_before: LRUCache[str, float] = LRUCache(_ACCOUNTS)

    def fresh_page(self, account_id: str, asked: ListPrices) -> PricePage | None:
        """A page of an account's prices where these are fresh."""
        listed = self.last(account_id)
        if listed is None or listed.contradicted:
            return None
        if self._clock.monotonic() - listed.since >= self._fresh:
            return None
        self._looked_up(account_id, "fresh")
        return listed.page(asked, stale=False)

    async def page(self, upstream: AccountUpstream, asked: ListPrices) -> PricePage:
        """A page of the account's prices; one that is not fresh is refreshed first, if possible."""
        if (page := self.fresh_page(upstream.account_id, asked)) is not None:
            return page
        listed = self.last(upstream.account_id)
        age = self._clock.monotonic() - listed.since if listed else self._keep
        if listed is None or age >= self._keep:
            self._looked_up(upstream.account_id, "miss")
            listed = await self.fetch(upstream)
            return listed.page(asked, stale=listed.contradicted)
        anew = await self._refreshed(upstream, in_time=age < self._fresh)
        self._looked_up(upstream.account_id, "miss" if anew else "stale")
        listed = anew or listed
        return listed.page(asked, stale=anew is None or anew.contradicted)

    async def fetch(self, upstream: AccountUpstream) -> PriceList:
        """Fetch the price list; joins a fetch under way."""
        task = self._fetch_under_way(upstream).task
        await asyncio.wait([task])
        return task.result()

    async def current(self, upstream: AccountUpstream, quoting: str | None = None) -> list[Price]:
        """The account's prices: fresh, or cached ones where the provider fails.

        `quoting`: a service whose price must not be one that was contradicted. Raises UpstreamError
        where that one is refused as often as it is read.
        """
        return (await self._current(upstream, quoting)).prices

    async def contradicted(self, upstream: AccountUpstream, refusal: Contradiction | None) -> None:
        """Read the list anew after the provider's refusal; until then the row is not quoted.

        Waits a second at most. None: a refusal that no list can account for.
        """
        account, now = upstream.account_id, self._clock.monotonic()
        begun_before = self._fetches.get(account)
        if refusal is not None:
            if (listed := self.last(account)) is not None:
                listed.correct(refusal, now)
            if begun_before is not None:
                begun_before.refusals.append((refusal, now))
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while (fetch := self._rereading(upstream)) is not None:
                    await asyncio.wait([fetch.task])
                    if fetch is not begun_before:
                        break

    def quoted(self, account_id: str, service_code: str) -> Price | None:
        """The known price of a service; None where it is not known or was contradicted."""
        listed = self.last(account_id)
        if listed is None or listed.withholds(service_code):
            return None
        return listed.by_code.get(service_code)

    async def service(
        self, upstream: AccountUpstream, asked: str, among: Collection[str] | None = None
    ) -> Price | None:
        """The service with this code or name; None where the list cannot be read.

        A list without it is read anew, unless it was read within seconds. `among`: the services
        that the caller may rent. Raises ServiceNotFound with candidates, and UpstreamAuthFailed.
        """
        try:
            listed = await self._current(upstream)
        except UpstreamAuthFailed:
            raise
        except GatewayError:
            return None
        found = services_called(listed.prices, asked)
        age = self._clock.monotonic() - listed.since
        if len(found) != 1 and age > YOUNG:
            anew = await self._refreshed(upstream, in_time=True)
            if anew is None and age >= self._fresh:
                return None
            listed = anew or listed
            found = services_called(listed.prices, asked)
        if len(found) == 1:
            return found[0]
        raise not_found(self._rentable(listed), asked, found, among)

    async def candidates(
        self, upstream: AccountUpstream, asked: str, among: Collection[str] | None = None
    ) -> tuple[Candidate, ...]:
        """The services that were perhaps meant by what the provider refused; waits a second."""
        listed = self.last(upstream.account_id)
        if listed is None or self._clock.monotonic() - listed.since >= self._fresh:
            with suppress(UpstreamAuthFailed):
                listed = await self._refreshed(upstream, in_time=False) or listed
        return candidates(self._rentable(listed), asked, among) if listed else ()

    def _rentable(self, listed: PriceList) -> list[Price]:
        rows = listed.quotable()
        return [row for row in rows if row.service_code.casefold() not in self._blocked]

    def known(self, account_id: str) -> list[Price]:
        """The last fetched prices of an account, of any age; makes no call."""
        listed = self.last(account_id)
        return listed.prices if listed else []

    def known_page(self, account_id: str, asked: ListPrices) -> PricePage | None:
        """A page of the last fetched prices, of any age; makes no call."""
        listed = self.last(account_id)
        return listed.page(asked, stale=True) if listed else None

    async def close(self) -> None:
        """Cancel the fetches under way."""
        tasks = [fetch.task for fetch in self._fetches.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _current(self, upstream: AccountUpstream, quoting: str | None = None) -> PriceList:
        listed = self.last(upstream.account_id)
        age = self._clock.monotonic() - listed.since if listed else self._keep
        if listed is not None and age < self._fresh and not listed.withholds(quoting):
            return listed
        try:
            anew = await self.fetch(upstream)
            if anew.withholds(quoting):  # it had begun before the refusal
                anew = await self.fetch(upstream)
        except UpstreamAuthFailed:
            raise
        except GatewayError:
            if listed is None or age >= self._keep or listed.withholds(quoting):
                raise
            return listed
        if anew.withholds(quoting):  # refused once more since that has begun
            raise UpstreamError(
                "The provider refuses purchases at the price that it lists.",
                retry_after=YOUNG,
            )
        return anew

    async def _refreshed(self, upstream: AccountUpstream, *, in_time: bool) -> PriceList | None:
        """The list read anew; None where that fails, takes too long or has to wait.

        `in_time`: only a refusal made it necessary. Raises UpstreamAuthFailed.
        """
        fetch = self._rereading(upstream) if in_time else self._refreshing(upstream)
        if fetch is None:
            return None
        left = fetch.since + _PATIENCE - self._clock.monotonic()
        if left > 0:
            await asyncio.wait([fetch.task], timeout=left)
        if not fetch.task.done() or fetch.task.cancelled():
            return None
        error = fetch.task.exception()
        if isinstance(error, UpstreamAuthFailed):
            raise error
        return None if error else fetch.task.result()

    def _refreshing(self, upstream: AccountUpstream) -> _Fetch | None:
        """The fetch under way or a new one; None soon after one that failed."""
        account = upstream.account_id
        if account not in self._fetches and self._is_before(self._not_before, account):
            return None
        return self._fetch_under_way(upstream)

    def _rereading(self, upstream: AccountUpstream) -> _Fetch | None:
        """The same for a list that is contradicted; None soon after the last such fetch, too."""
        account = upstream.account_id
        if account not in self._fetches:
            if self._is_before(self._reread_not_before, account):
                return None
            if fetch := self._refreshing(upstream):
                self._reread_not_before[account] = fetch.since + YOUNG
            return fetch
        return self._fetches[account]

    def _is_before(self, times: LRUCache[str, float], account: str) -> bool:
        return self._clock.monotonic() < times.get(account, 0.0)

    def _fetch_under_way(self, upstream: AccountUpstream) -> _Fetch:
        account = upstream.account_id
        fetch = self._fetches.get(account)
        if fetch is None:
            refusals: list[tuple[Contradiction, float]] = []
            task = asyncio.create_task(self._fetch(upstream, refusals))
            fetch = self._fetches[account] = _Fetch(task, self._clock.monotonic(), refusals)
            task.add_done_callback(lambda done: self._fetched(account, done))
        return fetch

    async def _fetch(
        self, upstream: AccountUpstream, refusals: list[tuple[Contradiction, float]]
    ) -> PriceList:
        prices = await upstream.ask(PRICES, _ALL)
        listed = PriceList(prices, self._clock.now(), self._clock.monotonic())
        self._keep_list(upstream.account_id, listed)
        for refusal, at in refusals:
            listed.correct(refusal, at)
        return listed

    def _keep_list(self, account: str, listed: PriceList) -> None:
        self._lists.pop(account, None)
        if len(self._lists) >= _ACCOUNTS:
            del self._lists[next(iter(self._lists))]
        self._lists[account] = listed

    def _fetched(self, account: str, task: asyncio.Task[PriceList]) -> None:
        self._fetches.pop(account, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            return
        self._not_before[account] = self._clock.monotonic() + _PAUSE_AFTER_FAILURE
        if isinstance(error, UpstreamAuthFailed):
            self._lists.pop(account, None)  # a revoked key must not read the cache
        self._looked_up(account, "failed")
        if not isinstance(error, GatewayError):
            self._observer.background_failed("prices", error)

    def _looked_up(self, account: str, found: str) -> None:
        if account != TEST_ACCOUNT_ID:
            self._observer.prices_looked_up(found)
