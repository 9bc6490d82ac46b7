"""Numbers that no code has come to: given back shortly before their end."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from cachetools import LRUCache

from gateway.core.codes.poller import CodePoller
from gateway.core.model.errors import GatewayError
from gateway.core.model.prices import Price
from gateway.core.model.rentals import CancelReason, Rental, RentalStatus
from gateway.core.ports.clock import Clock
from gateway.core.ports.storage import Inbox
from gateway.core.prices.cache import PriceCache
from gateway.core.rentals.cancelling import Cancelling
from gateway.core.upstream.account import AccountUpstream

_REMEMBERED = 10_000
_AHEAD = timedelta(seconds=20)  # more than the time between two looks
_AGREE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Ending:
    """A rental without a code, when it was rented and when it ends for sure."""

    rental: Rental
    begins: datetime
    ends: datetime


class UnusedReturns:
    """Writes the gateway's own wishes to cancel, each due in time before the end of its rental."""

    def __init__(
        self,
        cancelling: Cancelling,
        poller: CodePoller,
        inbox: Inbox,
        price_cache: PriceCache,
        clock: Clock,
        *,
        before_end: float,
        seconds_each: float,
    ) -> None:
        """`before_end`: how many seconds before the end; 0: never.

        `seconds_each`: as many as the limits of an account take for one, its last look included.
        """
        self._cancelling = cancelling
        self._poller = poller
        self._inbox = inbox
        self._price_cache = price_cache
        self._clock = clock
        self._before_end = timedelta(seconds=before_end)
        self._each = timedelta(seconds=seconds_each)
        self._never: LRUCache[tuple[str, int], bool] = LRUCache(_REMEMBERED)
        cancelling.returns_if(self._is_unused)

    async def plan(self, upstream: AccountUpstream, rentals: Iterable[Rental]) -> None:
        """Write wishes for those rentals of an account whose time comes before the next look."""
        silent = [each for each in rentals if each.status is RentalStatus.ACTIVE and not each.code]
        if not (self._before_end and silent):
            return
        account_id = upstream.account_id
        until = self._clock.now() + _AHEAD
        # As many may be asked for, too, which go first.
        far = until + self._before_end + 2 * len(silent) * self._each
        if all(each.ends_at is None or each.ends_at > far for each in silent):
            return
        endings = _endings(silent, await self._prices(upstream))
        asked = await self._cancelling.asked(account_id, until) if endings else 0
        for ending, due in self._due(endings, self._before_end + asked * self._each):
            rental_id = ending.rental.id
            if due > until or rental_id is None or ending.rental.cancel_requested_at is not None:
                continue
            if (account_id, rental_id) in self._never:
                continue
            locked = self._cancelling.calls.locks.end(account_id, ending.rental)
            if await self._is_unused(account_id, rental_id):
                at = max(due, locked or due, self._clock.now())
                wish = await self._cancelling.want(account_id, rental_id, CancelReason.UNUSED, at)
                if wish is None:  # it was wanted before, or is not to be had
                    self._never[account_id, rental_id] = True
        self._cancelling.wanted()

    def _due(self, endings: list[_Ending], before: timedelta) -> Iterable[tuple[_Ending, datetime]]:
        """When to begin with each, so that all fit into the limit; not in its first half."""
        following: datetime | None = None
        for ending in sorted(endings, key=lambda each: each.ends, reverse=True):
            due = ending.ends - before
            if following is not None:
                due = min(due, following - self._each)
            following = due
            yield ending, max(due, ending.begins + (ending.ends - ending.begins) / 2)

    async def _is_unused(self, account_id: str, rental_id: int) -> bool:
        """Whether nobody waits for it, on any node, and no webhook told a code of it."""
        if await self._poller.is_waited_for(account_id, rental_id):
            return False
        return await self._inbox.latest(account_id, rental_id) is None

    async def _prices(self, upstream: AccountUpstream) -> Mapping[str, Price]:
        """The services by their codes, whose duration tells the end."""
        listed = self._price_cache.known(upstream.account_id)
        if not listed:
            with suppress(GatewayError):
                listed = await self._price_cache.current(upstream)
        return {price.service_code: price for price in listed}


def _endings(rentals: Iterable[Rental], prices: Mapping[str, Price]) -> list[_Ending]:
    """Those whose end is sure, since the provider's time and the duration agree on it."""
    found = []
    for rental in rentals:
        price, begins = prices.get(rental.service_code or ""), rental.created_at
        if price is None or price.ttl_minutes is None or begins is None or rental.ends_at is None:
            continue
        expected = begins + timedelta(minutes=price.ttl_minutes)
        if abs(expected - rental.ends_at) <= _AGREE:
            found.append(_Ending(rental, begins, min(expected, rental.ends_at)))
    return found
