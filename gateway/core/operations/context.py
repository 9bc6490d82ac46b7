"""The context of an operation: its caller, the account's upstream, and the services."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from gateway.core.auth.key_management import KeyManagement
from gateway.core.codes.messages import MessageWaiter
from gateway.core.codes.poller import CodePoller
from gateway.core.codes.waiting import CodeWaiter
from gateway.core.model.callers import (
    TEST_ACCOUNT_ID,
    Caller,
    GatewayKey,
    caller_id,
    family,
    key_id_of,
)
from gateway.core.model.errors import Forbidden, InvalidRequest, NotFound, ServiceNotFound
from gateway.core.model.long_rentals import LongRental
from gateway.core.model.prices import Price
from gateway.core.model.provider_errors import PriceTooHigh, Refused
from gateway.core.model.purchases import View
from gateway.core.model.quote import price_needed
from gateway.core.model.rentals import RentNumber
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.storage import AuditTrail, Events, Keys
from gateway.core.prices.cache import PriceCache
from gateway.core.prices.price_list import Contradiction
from gateway.core.rentals.cancelling import Cancelling
from gateway.core.rentals.repository import RentalRepository
from gateway.core.rentals.status_reads import StatusReads
from gateway.core.upstream.account import AccountUpstream
from gateway.core.webhooks.management import WebhookManagement


@dataclass(frozen=True, slots=True)
class Services:
    """The services that operations use, shared by all callers.

    `recheck` raises Unauthorized where a caller's key has ended since the caller was identified.
    `owner_of` gives the caller of a gateway key by the caller's id, and raises Unauthorized.
    `own`: the id of the server's account, to which gateway keys lead; None: it has none.
    """

    clock: Clock
    ledger: Ledger
    events: Events
    price_cache: PriceCache
    repository: RentalRepository
    status_reads: StatusReads
    cancelling: Cancelling
    poller: CodePoller
    waiter: CodeWaiter
    message_waiter: MessageWaiter
    recheck: Callable[[Caller], Awaitable[Caller]]
    keys: Keys
    own: str | None
    webhooks: WebhookManagement
    owner_of: Callable[[str], Awaitable[Caller]]
    key_management: KeyManagement
    audit_trail: AuditTrail


@dataclass(frozen=True, slots=True)
class Context:
    """The context of one caller, reused for all its calls. `view`: the rentals it may see."""

    caller: Caller
    view: View
    upstream: AccountUpstream
    services: Services

    async def price_of(self, service_code: str) -> Price:
        """The current price of a service. Raises ServiceNotFound."""
        cache = self.services.price_cache
        for price in await cache.current(self.upstream, quoting=service_code):
            if price.service_code == service_code:
                return price
        raise ServiceNotFound

    async def service(self, asked: str) -> Price | None:
        """The service with this code or name; None where the price list cannot be read.

        Raises ServiceNotFound with candidates.
        """
        return await self.services.price_cache.service(self.upstream, asked, self._may_rent)

    async def suggest(self, asked: str, refusal: ServiceNotFound) -> None:
        """Add candidates to the provider's refusal of a service."""
        cache = self.services.price_cache
        refusal.suggest(await cache.candidates(self.upstream, asked, self._may_rent))

    @property
    def _may_rent(self) -> frozenset[str] | None:
        """The services that the caller is limited to."""
        limits = self.caller.limits
        return None if limits is None else limits.services

    async def refused(self, service_code: str, asked: Any, refusal: Refused) -> None:
        """Correct the price list by the provider's refusal of a purchase.

        A refusal for the price then tells which one would be enough, where that is known.
        """
        cache = self.services.price_cache
        await cache.contradicted(self.upstream, _contradiction(service_code, asked, refusal))
        listed = cache.quoted(self.upstream.account_id, service_code)
        if isinstance(refusal, PriceTooHigh) and listed and _too_dear(asked, listed):
            refusal.needs(price_needed(asked, listed))

    async def view_of(self, key: str | None) -> View:
        """What the gateway key with this id or name bought; None: all that the caller may see.

        Raises Forbidden for a caller that sees only what it bought itself, and NotFound.
        """
        if key is None:
            return self.view
        keys = await self.keys("key")
        named = [each for each in keys if each.name == key]
        fitting = [each for each in keys if each.id == key]
        fitting = fitting or [each for each in named if each.revoked_at is None] or named
        if len(fitting) > 1:
            raise InvalidRequest(f"key: {len(fitting)} keys had this name; send the id of one.")
        if not fitting:
            raise NotFound("There is no such key.", advice="`getatext-gateway keys list` has all.")
        return View(self.view.account_id, caller_id(fitting[0]))

    async def keys(self, asked: str) -> Sequence[GatewayKey]:
        """The gateway keys whose purchases the caller sees.

        None where its account is not the server's. Raises Forbidden for a caller that sees only
        what it bought itself.
        """
        keys = await self._keys_of_account()
        if self.caller.sees_account:
            return keys
        seen = family(keys, key_id_of(self.caller.id))
        if len(seen) > 1:
            return seen
        raise Forbidden(
            f"This key sees only what it bought itself, so it may not ask for {asked}.",
            advice="A key made with --admin may.",
        )

    async def _keys_of_account(self) -> Sequence[GatewayKey]:
        account_id, services = self.caller.account.id, self.services
        if account_id not in (TEST_ACCOUNT_ID, services.own):
            return ()
        test = account_id == TEST_ACCOUNT_ID
        return [key for key in await services.keys.all() if key.test == test]

    async def visible(self, listed: Sequence[LongRental]) -> list[LongRental]:
        """The long rentals that the caller may see."""
        if self.caller.sees_account:
            return list(listed)
        own = {held.id for held in await self.services.ledger.all_rentals(self.view, "long_rental")}
        seen = partial(self.services.repository.seen_in, self.view, "long_rental")
        return [
            each for each in listed if each.id is not None and (each.id in own or seen(each.id))
        ]


def _contradiction(service_code: str, asked: Any, refusal: Refused) -> Contradiction | None:
    """What a refusal says of the service; None where only the purchase's wishes were not met."""
    if isinstance(refusal, PriceTooHigh):
        return Contradiction(
            service_code, sold_out=False, explained_by=lambda row: _too_dear(asked, row)
        )
    if not isinstance(asked, RentNumber):
        return None
    if asked.carrier != "any" or asked.area_codes is not None or asked.number is not None:
        return None
    return Contradiction(service_code, sold_out=True, explained_by=lambda row: row.stock == 0)


def _too_dear(asked: Any, listed: Price) -> bool:
    """Whether a rent's max_price is not enough at this price."""
    if not isinstance(asked, RentNumber) or asked.max_price is None:
        return False
    return price_needed(asked, listed) > asked.max_price
