"""What an operation works with: everything of one call, bound to its caller."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from gateway.core.model.callers import Caller
from gateway.core.model.errors import ServiceNotFound
from gateway.core.ports.provider import Provider
from gateway.core.upstream.calls import Priority, UpstreamCall
from gateway.core.upstream.pipeline import Gate
from gateway.core.upstream.rate_limiter import Turn

if TYPE_CHECKING:
    from gateway.core.codes.poller import Watcher
    from gateway.core.model.long_rentals import LongRental
    from gateway.core.model.prices import Price
    from gateway.core.model.purchases import View
    from gateway.core.prices.cache import PriceBook
    from gateway.core.rentals.repository import Records
    from gateway.core.rentals.status_reads import SharedReads

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Helpers:
    """The policies that operations make use of: one of each serves all callers."""

    gate: Gate
    price_book: "PriceBook"
    records: "Records"
    reads: "SharedReads"
    watcher: "Watcher"


@dataclass(frozen=True, slots=True)
class Desk:
    """One caller's desk: the provider as its account sees it, and the policies' helpers."""

    caller: Caller
    view: "View"
    provider: Provider
    helpers: Helpers
    turn: Turn | None = None  # leave to make the one call of a purchase

    async def ask(
        self,
        call: UpstreamCall,
        question: Callable[[Provider], Awaitable[T]],
        priority: Priority | None = None,
        deadline: float | None = None,
    ) -> T:
        """Put one question to the provider, when its turn comes: within `deadline` seconds."""
        gate, provider = self.helpers.gate, self.provider
        if call.kind == "spend" and self.turn is not None:
            return await gate.ask_now(self.turn, lambda: question(provider))
        account_id = self.caller.account.id
        return await gate.ask(
            account_id, call, lambda: question(provider), priority=priority, deadline=deadline
        )

    async def ready_to_spend(self, call: UpstreamCall) -> "Desk":
        """The desk with leave to make this purchase; nothing has been sent where this raises."""
        return replace(self, turn=await self.helpers.gate.turn_for(self.caller.account.id, call))

    async def price_of(self, service_code: str) -> "Price":
        """What a service costs now. Raises ServiceNotFound."""
        for price in await self.helpers.price_book.current(self):
            if price.service_code == service_code:
                return price
        raise ServiceNotFound

    async def visible(self, listed: "Sequence[LongRental]") -> "list[LongRental]":
        """Those long rentals that the caller may see."""
        if self.caller.sees_account:
            return list(listed)
        own = {thing.id for thing in await self.helpers.records.things(self.view, "long_rental")}
        return [rental for rental in listed if rental.id in own]
