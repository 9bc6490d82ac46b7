"""What is known of rentals, cached and written through to the ledger."""

from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from cachetools import LRUCache

from gateway.core.model.long_rentals import LongRental, LongRentalStatus
from gateway.core.model.prices import Price
from gateway.core.model.purchases import AnyRental, Spend, SpendState, View
from gateway.core.model.rentals import OVER, Rental
from gateway.core.model.values import Kind
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.prices.cache import PriceCache
from gateway.core.rentals.notifier import Notifier
from gateway.core.rentals.reconciler import Reconciler, named

_CACHED = 20_000
_Key = tuple[str, Kind, int]
_NEVER_SAID = LongRental(id=None, status=LongRentalStatus.UNKNOWN)
T = TypeVar("T", Rental, LongRental)


class RentalRepository:
    """Rentals and long rentals as operations see them; unchanged ones are not written again.

    A status that comes back the same, which is most of them, costs no write and no comparison of
    fields: the last object and its answer are kept together.
    """

    def __init__(
        self, ledger: Ledger, price_cache: PriceCache, notifier: Notifier, clock: Clock
    ) -> None:
        """`price_cache` gives the code of a service's name; `notifier` is given news of rentals."""
        self._ledger = ledger
        self._notifier = notifier
        self._price_cache = price_cache
        self._clock = clock
        self._reconciler = Reconciler(ledger, price_cache, clock)
        self._search: Callable[[str], None] | None = None
        self._seen: LRUCache[_Key, tuple[AnyRental, AnyRental]] = LRUCache(_CACHED)
        # The last object recorded and what was returned: valid while the middle is what is cached.
        self._said: LRUCache[_Key, tuple[AnyRental, tuple[AnyRental, AnyRental], AnyRental]] = (
            LRUCache(_CACHED)
        )
        self._shown: LRUCache[tuple[View, Kind, int], bool] = LRUCache(_CACHED)

    async def record(self, account_id: str, rental: T) -> T:
        """Write down what the provider answered; return it with all that is known besides."""
        return cast(T, await self._record(account_id, rental))

    async def _record(self, account_id: str, rental: AnyRental) -> AnyRental:
        if rental.id is None:
            return rental
        key = account_id, kind_of(rental), rental.id
        said = self._said.get(key)
        if (
            said is not None
            and (said[0] is rental or said[0] == rental)
            and self._seen.get(key) is said[1]
        ):
            return said[2]
        seen = self._seen.get(key)
        same = seen is not None and _same(seen[0], rental)
        if seen is not None and (same or (_is_over(seen[1]) and not _is_over(rental))):
            # Nothing new, or an answer that was under way when it ended: no end is taken back.
            whole = seen[1]
        else:
            bare = _bare(rental)
            whole = await self._write(account_id, bare)
            seen, same = (bare, whole), True
            self._seen[key] = seen
            if isinstance(whole, Rental):
                self._notifier.wake(account_id, rental.id, whole)
        if isinstance(rental, Rental) and rental.balance is not None:
            whole = whole.model_copy(update={"balance": rental.balance})
        if same:
            self._said[key] = rental, seen, whole
        return whole

    async def known(self, account_id: str, rental_id: int) -> Rental | None:
        """A rental of the account as it is recorded, without a call to the provider."""
        key: tuple[str, Kind, int] = account_id, "rental", rental_id
        if (seen := self._seen.get(key)) is not None:
            return cast(Rental, seen[1])
        found = await self._ledger.find(View(account_id), "rental", rental_id)
        if found is not None:
            # Nothing was heard from the provider yet: its next answer is written down.
            self._seen[key] = _NEVER_SAID, found
        return cast(Rental | None, found)

    def bought(self, account_id: str, rental: AnyRental) -> None:
        """A purchase was written down: what is cached of the rental is outdated."""
        if rental.id is not None:
            self._seen.pop((account_id, kind_of(rental), rental.id), None)
        self._notifier.account_changed(account_id)

    async def changed_elsewhere(self, account_id: str, rental_id: int) -> None:
        """Another process has written a rental: what is cached of it here is outdated."""
        self._seen.pop((account_id, "rental", rental_id), None)
        if self._notifier.waited_for(account_id, rental_id):
            rental = await self.known(account_id, rental_id)
            if rental is not None:
                self._notifier.wake(account_id, rental_id, rental)
        self._notifier.account_changed(account_id)

    def ended(self, account_id: str, state: SpendState) -> None:
        """A purchase has ended so: rentals seen before may be what a lost one bought."""
        put_off = self._reconciler.put_off
        if state is SpendState.UNKNOWN or account_id in put_off:
            put_off.discard(account_id)
            self._start_search(account_id)

    async def look_back(self, account_id: str) -> None:
        """Match rentals seen before with purchases whose answers were lost."""
        for found in await self._reconciler.look_back(account_id):
            self.bought(account_id, found)

    async def suggestions(self, spend: Spend, prices: Sequence[Price]) -> list[Rental]:
        """What a purchase of unknown outcome may have bought, for an operator to decide."""
        return await self._reconciler.suggestions(spend, prices)

    def on_lost(self, search: Callable[[str], None]) -> None:
        """Call `search` with accounts that have lost purchases; it must neither block nor raise."""
        self._search = search

    def forget_all(self) -> None:
        """Drop everything cached: others may have written, or old codes were deleted."""
        self._seen.clear()
        self._said.clear()

    async def shows(self, view: View, kind: Kind, provider_id: int) -> bool:
        """Whether the view holds a rental. Who bought it never changes, so a yes is cached."""
        key = view, kind, provider_id
        if key not in self._shown:
            if await self._ledger.find(view, kind, provider_id) is None:
                return False
            self._shown[key] = True
        return True

    async def _write(self, account_id: str, rental: AnyRental) -> AnyRental:
        if not isinstance(rental, Rental):
            return await self._ledger.record(account_id, rental, self._clock.now())
        rental = named(rental, self._price_cache.known(account_id))
        found = await self._reconciler.found(account_id, rental)
        if found is not None:
            return found
        whole = await self._ledger.record(account_id, rental, self._clock.now())
        strange = isinstance(whole, Rental) and whole.created_at is None  # not bought here
        if strange and await self._reconciler.would_prices_tell(account_id, rental):
            self._start_search(account_id)
        return whole

    def _start_search(self, account_id: str) -> None:
        if self._search is not None:
            self._search(account_id)


def kind_of(rental: AnyRental) -> Kind:
    """Whether it is a rental or a long rental."""
    return "rental" if isinstance(rental, Rental) else "long_rental"


def _bare(rental: AnyRental) -> AnyRental:
    """The rental without the balance, which is the account's."""
    return rental.model_copy(update={"balance": None}) if isinstance(rental, Rental) else rental


def _same(bare: AnyRental, rental: AnyRental) -> bool:
    """Whether a rental is as it was written down; quicker than copying it without its balance."""
    if not isinstance(rental, Rental):
        return bare == rental
    return type(bare) is Rental and bare.__dict__ == {**rental.__dict__, "balance": None}


def _is_over(rental: AnyRental) -> bool:
    return isinstance(rental, Rental) and rental.status in OVER
