"""What an operation works with: everything of one call, bound to its caller."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from gateway.core.model.callers import Caller
from gateway.core.model.errors import ServiceNotFound
from gateway.core.ports.provider import Provider
from gateway.core.upstream.calls import Priority, UpstreamCall
from gateway.core.upstream.pipeline import Pipeline
from gateway.core.upstream.rate_limiter import Permit

if TYPE_CHECKING:
    from gateway.core.codes.poller import CodePoller
    from gateway.core.model.long_rentals import LongRental
    from gateway.core.model.prices import Price
    from gateway.core.model.purchases import View
    from gateway.core.prices.cache import PriceCache
    from gateway.core.rentals.repository import RentalRepository
    from gateway.core.rentals.status_reads import StatusReads

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Services:
    """The policies that operations make use of: one of each serves all callers."""

    pipeline: Pipeline
    price_cache: "PriceCache"
    repository: "RentalRepository"
    status_reads: "StatusReads"
    poller: "CodePoller"


@dataclass(frozen=True, slots=True)
class Context:
    """One caller's desk: the provider as its account sees it, and the policies' helpers."""

    caller: Caller
    view: "View"
    provider: Provider
    services: Services
    turn: Permit | None = None  # leave to make the one call of a purchase

    async def ask(
        self,
        call: UpstreamCall,
        question: Callable[[Provider], Awaitable[T]],
        priority: Priority | None = None,
        deadline: float | None = None,
    ) -> T:
        """Put one question to the provider, when its turn comes: within `deadline` seconds."""
        pipeline, provider = self.services.pipeline, self.provider
        if call.kind == "spend" and self.turn is not None:
            return await pipeline.ask_now(self.turn, lambda: question(provider))
        account_id = self.caller.account.id
        return await pipeline.ask(
            account_id, call, lambda: question(provider), priority=priority, deadline=deadline
        )

    async def ready_to_spend(self, call: UpstreamCall) -> "Context":
        """The desk with leave to make this purchase; nothing has been sent where this raises."""
        return replace(
            self, turn=await self.services.pipeline.permit_for(self.caller.account.id, call)
        )

    async def price_of(self, service_code: str) -> "Price":
        """What a service costs now. Raises ServiceNotFound."""
        for price in await self.services.price_cache.current(self):
            if price.service_code == service_code:
                return price
        raise ServiceNotFound

    async def visible(self, listed: "Sequence[LongRental]") -> "list[LongRental]":
        """Those long rentals that the caller may see."""
        if self.caller.sees_account:
            return list(listed)
        own = {
            thing.id for thing in await self.services.repository.things(self.view, "long_rental")
        }
        return [rental for rental in listed if rental.id in own]
