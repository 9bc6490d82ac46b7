"""Background reconciliation of purchases of unknown outcome."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from gateway.core.model.errors import GatewayError
from gateway.core.ports.observer import Observer
from gateway.core.prices.cache import PriceCache
from gateway.core.rentals.repository import RentalRepository
from gateway.core.upstream.account import AccountUpstream


class ReconciliationTask:
    """Matches known rentals with lost purchases, then again with the current prices.

    Without a price list that has the service nothing can be matched.
    """

    def __init__(
        self,
        repository: RentalRepository,
        price_cache: PriceCache,
        upstream_of: Callable[[str], AccountUpstream | None],
        observer: Observer,
    ) -> None:
        """`upstream_of` returns the upstream of an account id, where its key is in memory."""
        self._repository = repository
        self._price_cache = price_cache
        self._upstream_of = upstream_of
        self._observer = observer
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()

    def begin(self, account_id: str) -> None:
        """Start a search for an account, or schedule another one after the one running."""
        if account_id in self._running:
            self._again.add(account_id)
            return
        task = self._running[account_id] = asyncio.create_task(self._search(account_id))
        task.add_done_callback(lambda done: self._ended(account_id, done))

    @property
    def under_way(self) -> bool:
        """Whether a search is running."""
        return bool(self._running)

    async def close(self) -> None:
        """Cancel the searches under way."""
        self._again.clear()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _search(self, account_id: str) -> None:
        with suppress(GatewayError):  # the ledger is away, or the price list cannot be read
            await self._repository.look_back(account_id)
            upstream = self._upstream_of(account_id)
            if upstream is not None:
                await self._price_cache.current(upstream)
                await self._repository.look_back(account_id)

    def _ended(self, account_id: str, task: asyncio.Task[None]) -> None:
        del self._running[account_id]
        if task.cancelled():
            return
        if (fault := task.exception()) is not None:
            self._observer.background_failed("search for lost purchases", fault)
        if account_id in self._again:
            self._again.discard(account_id)
            self.begin(account_id)
