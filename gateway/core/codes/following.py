"""Following: every rental is polled to its end, also when nobody waits for it."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from gateway.core.codes.poller import CodePoller
from gateway.core.codes.unused import UnusedReturns
from gateway.core.model.callers import TEST_ACCOUNT_ID
from gateway.core.model.errors import LedgerUnavailable
from gateway.core.model.prices import UNKNOWN_TTL, Price
from gateway.core.model.rentals import Rental
from gateway.core.model.values import ledger_id_time
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.observer import Observer, surviving
from gateway.core.ports.storage import Leases
from gateway.core.prices.cache import PriceCache
from gateway.core.upstream.account import AccountUpstream

_LOOK_EVERY = 15.0  # seconds; below the age at which a new rental is first polled
_LEASE = 45.0  # seconds


class Following:
    """Reads from the ledger which rentals have not ended, and lets the poller follow them.

    One node follows an account, by lease. An account whose key is not in memory is followed once
    its key is seen: `key_seen`.
    """

    def __init__(
        self,
        ledger: Ledger,
        leases: Leases,
        poller: CodePoller,
        price_cache: PriceCache,
        unused: UnusedReturns,
        upstream_of: Callable[[str], AccountUpstream | None],
        observer: Observer,
    ) -> None:
        """`upstream_of` returns the upstream of an account id, where its key is in memory.

        `unused` gives back those without a code.
        """
        self._ledger = ledger
        self._leases = leases
        self._poller = poller
        self._price_cache = price_cache
        self._unused = unused
        self._upstream_of = upstream_of
        self._observer = observer
        self._followed: dict[str, AccountUpstream] = {}
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follow until `close`."""
        self._task = asyncio.create_task(self._run())

    def key_seen(self) -> None:
        """The key of an account was seen for the first time: look soon."""
        self._wanted.set()

    async def close(self) -> None:
        """Stop, and let other nodes follow."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        with suppress(LedgerUnavailable):  # then the leases run out
            for account_id in self._followed:
                await self._leases.give_back(_lease(account_id))

    async def _run(self) -> None:
        while True:
            self._wanted.clear()
            with surviving(self._observer, "following rentals"):
                await self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._wanted.wait()

    async def look(self) -> None:
        """Follow what has not ended now, in the accounts whose leases this node gets."""
        followed = 0
        accounts = await self._ledger.accounts_with_unended()
        for account_id in [*accounts, *(set(self._followed) - set(accounts))]:
            upstream = self._upstream_of(account_id)
            if upstream is not None:
                rentals = await self._follow_or_report(upstream)
                followed += 0 if account_id == TEST_ACCOUNT_ID else rentals
        self._observer.followed(followed, self._poller.lag())

    async def _follow_or_report(self, upstream: AccountUpstream) -> int:
        """Follow an account; what fails in it keeps no other from being followed."""
        try:
            return await self._follow(upstream)
        except LedgerUnavailable:
            raise
        except Exception as fault:
            self._observer.background_failed("following rentals", fault)
            return 0

    async def _follow(self, upstream: AccountUpstream) -> int:
        """Follow an account, or leave it to another node; returns how many rentals."""
        account_id = upstream.account_id
        rentals: list[Rental] = []
        if await self._leases.take(_lease(account_id), _LEASE):
            rentals = list(await self._ledger.unended(account_id))
        if rentals:
            self._followed[account_id] = upstream
        else:
            self._followed.pop(account_id, None)
        prices = self._price_cache.known(account_id)
        self._poller.follow(upstream, _with_ends(rentals, prices))
        await self._unused.plan(upstream, rentals)
        return len(rentals)


def _with_ends(
    rentals: Iterable[Rental], prices: Iterable[Price]
) -> dict[int, tuple[Rental, tuple[datetime, ...]]]:
    """The rentals by id, with the instants at which each may end."""
    minutes = {price.service_code: price.ttl_minutes for price in prices}
    return {
        rental.id: (rental, _ends(rental, minutes.get(rental.service_code or "")))
        for rental in rentals
        if rental.id is not None
    }


def _ends(rental: Rental, minutes: int | None) -> tuple[datetime, ...]:
    """By the provider's time, whose zone is a guess, and by the duration of its service."""
    ttl = UNKNOWN_TTL if minutes is None else timedelta(minutes=minutes)
    seen = rental.created_at or ledger_id_time(rental.ledger_id or "")
    return (seen + ttl,) if rental.ends_at is None else (rental.ends_at, seen + ttl)


def _lease(account_id: str) -> str:
    return f"follow:{account_id}"
