"""The context of an operation: its caller, the account's upstream, and the services."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from gateway.core.codes.poller import CodePoller
from gateway.core.codes.waiting import CodeWaiter
from gateway.core.model.callers import Caller
from gateway.core.model.errors import ServiceNotFound
from gateway.core.model.long_rentals import LongRental
from gateway.core.model.prices import Price
from gateway.core.model.purchases import View
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.prices.cache import PriceCache
from gateway.core.rentals.repository import RentalRepository
from gateway.core.rentals.status_reads import StatusReads
from gateway.core.upstream.account import AccountUpstream


@dataclass(frozen=True, slots=True)
class Services:
    """The services that operations use, shared by all callers.

    `recheck` raises Unauthorized where a caller's key has ended since the caller was identified.
    """

    clock: Clock
    ledger: Ledger
    price_cache: PriceCache
    repository: RentalRepository
    status_reads: StatusReads
    poller: CodePoller
    waiter: CodeWaiter
    recheck: Callable[[Caller], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Context:
    """The context of one caller, reused for all its calls. `view`: the rentals it may see."""

    caller: Caller
    view: View
    upstream: AccountUpstream
    services: Services

    async def price_of(self, service_code: str) -> Price:
        """The current price of a service. Raises ServiceNotFound."""
        for price in await self.services.price_cache.current(self.upstream):
            if price.service_code == service_code:
                return price
        raise ServiceNotFound

    async def visible(self, listed: Sequence[LongRental]) -> list[LongRental]:
        """The long rentals that the caller may see."""
        if self.caller.sees_account:
            return list(listed)
        own = {held.id for held in await self.services.ledger.all_rentals(self.view, "long_rental")}
        seen = partial(self.services.repository.seen_in, self.view, "long_rental")
        return [
            each for each in listed if each.id is not None and (each.id in own or seen(each.id))
        ]
