"""Matches purchases of unknown outcome with the rentals they bought."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from gateway.core.model.codes import with_code
from gateway.core.model.prices import Price
from gateway.core.model.purchases import Outcome, Spend, SpendState, View, stored_value
from gateway.core.model.rentals import Rental
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.prices.cache import PriceCache

_LOOKED_AT = 1000  # the newest rentals only: a lost one is seen soon or hardly ever


class Reconciler:
    """Settles a purchase of unknown outcome where exactly one rental fits it.

    It reads the ledger and the cached price list, and makes no calls.
    """

    def __init__(self, ledger: Ledger, price_cache: PriceCache, clock: Clock) -> None:
        """`price_cache` maps service names to codes and has the duration of rentals."""
        self._ledger = ledger
        self._price_cache = price_cache
        self._clock = clock
        # Accounts where a match waits for the end of a purchase under way.
        self.put_off: set[str] = set()

    async def found(self, account_id: str, rental: Rental) -> Rental | None:
        """Match a rental with a lost purchase and settle that; None where it is not certain."""
        return await self._found(account_id, rental, await self._sent(account_id))

    async def look_back(self, account_id: str) -> list[Rental]:
        """Match the rentals that any process has seen before; returns those that were matched."""
        sent = await self._sent(account_id)
        if not sent:
            return []
        rows = await self._ledger.list_rentals(
            View(account_id), status=None, service_code=None, limit=_LOOKED_AT, before=None
        )
        prices = self._price_cache.known(account_id)
        seen = [named(row, prices) for row in rows if row.id and row.created_at is None]
        fits = [all_fitting(rental, sent, prices) for rental in seen]
        for rental, fitting in zip(seen, fits, strict=True):
            if fits.count(fitting) > 1:
                continue  # ambiguous: one purchase bought only one of these rentals
            found = await self._found(account_id, rental, sent)
            if found is not None:  # the others may be unambiguous now
                return [found, *await self.look_back(account_id)]
        return []

    async def would_prices_tell(self, account_id: str, rental: Rental) -> bool:
        """Whether only the price list is missing to match this rental with a lost purchase."""
        if priced(rental, self._price_cache.known(account_id)):
            return False
        return bool(await self._sent(account_id))

    async def _sent(self, account_id: str) -> Sequence[Spend]:
        """The purchases that may have bought an unknown rental; empty where none is unknown."""
        sent = await self._ledger.unanswered(account_id)
        return sent if any(spend.state is SpendState.UNKNOWN for spend in sent) else ()

    async def _found(self, account_id: str, rental: Rental, sent: Sequence[Spend]) -> Rental | None:
        fitting = all_fitting(rental, sent, self._price_cache.known(account_id))
        if not fitting or rental.id is None:
            return None
        if await self._ledger.is_bought(account_id, "rental", rental.id):
            return None
        if any(spend.state is SpendState.SENT for spend in fitting):
            self.put_off.add(account_id)  # may belong to that purchase, which has not ended
            return None
        if len(fitting) != 1 or not fitting[0].sees_account or fitting[0].service_code is None:
            return None  # an operator decides, as for keys without account view: see `suggestions`
        return await self._settled(rental, fitting[0])

    async def suggestions(self, spend: Spend, prices: Sequence[Price]) -> list[Rental]:
        """The account's rentals of unknown origin that this purchase may have bought."""
        rows = await self._ledger.list_rentals(
            View(spend.account_id), status=None, service_code=None, limit=_LOOKED_AT, before=None
        )
        seen = [named(row, prices) for row in rows if row.id and row.created_at is None]
        return [rental for rental in seen if all_fitting(rental, [spend], prices)]

    async def _settled(self, rental: Rental, spend: Spend) -> Rental | None:
        now = self._clock.now()
        known = {
            "ledger_id": spend.ledger_id,
            "created_at": rental.created_at or spend.at,
            "codes": with_code((), rental.code, rental.code_received_at or now),
            "reference": spend.reference,
            "replaces": spend.replaces,
        }
        bought = rental.model_copy(update=known)
        outcome = Outcome(SpendState.BOUGHT, stored_value(bought), bought)
        settled = await self._ledger.settle(spend.ledger_id, outcome, now)
        return bought if settled else None  # None: settled already, for instance by an operator


_CLOSE = timedelta(minutes=2)


def named(rental: Rental, prices: Iterable[Price]) -> Rental:
    """The rental with the service_code of its service_name, which a status lacks.

    Unchanged where the price list does not have exactly one such service.
    """
    if rental.service_code is not None or rental.service_name is None:
        return rental
    codes = [price.service_code for price in prices if price.service_name == rental.service_name]
    return rental.model_copy(update={"service_code": codes[0]}) if len(codes) == 1 else rental


def priced(rental: Rental, prices: Iterable[Price]) -> bool:
    """Whether the price list has the rental's service, which matching needs."""
    return any(price.service_code == rental.service_code for price in prices)


def all_fitting(rental: Rental, sent: Iterable[Spend], prices: Iterable[Price]) -> list[Spend]:
    """The purchases that fit the rental in service and time.

    One whose service is not known, because it rents a rental again that is unknown here, may be for
    any service.
    """
    minutes = {price.service_code: price.ttl_minutes for price in prices}
    return [spend for spend in sent if _fits(rental, spend, minutes)]


def _fits(rental: Rental, spend: Spend, minutes: dict[str, int | None]) -> bool:
    service = rental.service_code
    if spend.kind != "rental" or service is None or spend.service_code not in (None, service):
        return False
    ttl = minutes.get(service)
    if ttl is None or rental.ends_at is None:
        return False
    # The zone of ends_at is configured (guess): if it is wrong nothing fits, an operator decides.
    return abs(rental.ends_at - timedelta(minutes=ttl) - spend.at) <= _CLOSE
