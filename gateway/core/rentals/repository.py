"""The rental repository: a write-through cache over the ledger."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar, cast

from cachetools import LRUCache

from gateway.core.model.codes import with_announced
from gateway.core.model.errors import LedgerUnavailable
from gateway.core.model.long_rentals import LongRental, LongRentalStatus
from gateway.core.model.prices import Price
from gateway.core.model.purchases import AnyRental, Spend, SpendState, View, kind_of
from gateway.core.model.rentals import OVER, ReceivedCode, Rental
from gateway.core.model.values import Kind
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.storage import Unstorable
from gateway.core.prices.cache import PriceCache
from gateway.core.rentals.listing import RentalListing
from gateway.core.rentals.notifier import Notifier
from gateway.core.rentals.reconciler import Reconciler, named
from gateway.core.rentals.reported import equal, is_outdated, shows_code, without_balance
from gateway.core.rentals.storable import without_each
from gateway.core.rentals.unwritten import RentalKey, Unwritten, UnwrittenEnd

_CACHED = 20_000
_Seen = tuple[AnyRental, AnyRental]  # as the provider reported it, and merged
_NOT_REPORTED = LongRental(id=None, status=LongRentalStatus.UNKNOWN)
T = TypeVar("T", Rental, LongRental)


class RentalRepository:
    """Rentals and long rentals, with a cache. Unchanged ones are not written again.

    Most status reads return the same object as before: the last object and its result are cached
    together, which saves the write, and for the very same object the comparison of fields.
    """

    def __init__(
        self,
        ledger: Ledger,
        unwritten: Unwritten,
        price_cache: PriceCache,
        notifier: Notifier,
        clock: Clock,
        *,
        expiry_refunds: bool = False,
    ) -> None:
        """`price_cache` maps service names to codes; `notifier` is called on changes.

        `unwritten` keeps what the ledger does not take while it is away. `expiry_refunds`: the
        provider gives the price back where a rental expires without a code.
        """
        self._ledger = ledger
        self._unwritten = unwritten
        self._notifier = notifier
        self._price_cache = price_cache
        self._clock = clock
        self._expiry_refunds = expiry_refunds
        self._reconciler = Reconciler(ledger, price_cache, clock)
        self._search: Callable[[str], None] | None = None
        self._seen: LRUCache[RentalKey, _Seen] = LRUCache(_CACHED)
        # The last object recorded, its entry in `_seen`, the result; valid while that entry is.
        self._recorded: LRUCache[RentalKey, tuple[AnyRental, _Seen, AnyRental]] = LRUCache(_CACHED)
        self._visible: LRUCache[tuple[View, Kind, int], bool] = LRUCache(_CACHED)
        self.listing = RentalListing(ledger, unwritten, self.seen_in)
        unwritten.when_back(self._write_late, self._end_written)

    @property
    def ledger_away(self) -> bool:
        """Whether what is recorded stays in this process for now."""
        return self._unwritten.away

    async def record(self, account_id: str, rental: T) -> T:
        """Store a rental as the provider reported it; returns it merged with what is known."""
        return cast(T, await self._record(account_id, rental))

    async def _record(self, account_id: str, rental: AnyRental) -> AnyRental:
        if rental.id is None:
            return rental
        key = account_id, kind_of(rental), rental.id
        last = self._recorded.get(key)
        seen = self._seen.get(key)
        if last is not None and last[0] is rental and seen is last[1]:
            return last[2]
        same = seen is not None and equal(seen[0], rental) and shows_code(seen[1], rental)
        if seen is not None and (same or is_outdated(seen[1], rental)):
            merged = seen[1]
        else:
            stored = without_balance(rental)
            merged = await self._write_or_keep(key, stored)
            seen, same = (stored, merged), shows_code(merged, rental)
            self._seen[key] = seen
            if isinstance(merged, Rental):
                self._notifier.wake(account_id, rental.id, merged)
        if isinstance(rental, Rental) and rental.balance is not None:
            merged = merged.model_copy(update={"balance": rental.balance})
        if same:
            self._recorded[key] = rental, seen, merged
        return merged

    def at_hand(self, account_id: str, rental_id: int) -> Rental | None:
        """A rental of the account as it is kept in memory; None where it is not."""
        seen = self._seen.get((account_id, "rental", rental_id))
        return None if seen is None else cast(Rental, seen[1])

    async def known(self, account_id: str, rental_id: int) -> Rental | None:
        """A rental of the account as stored, without a call to the provider.

        None where it is not known, or the ledger is away: then only the provider can tell.
        """
        if (seen := self.at_hand(account_id, rental_id)) is not None:
            return seen
        key: RentalKey = account_id, "rental", rental_id
        try:
            found = self._unwritten.known(key) or await self._ledger.find(
                View(account_id), "rental", rental_id
            )
        except LedgerUnavailable:
            return None
        if found is not None:
            # No state from the provider yet: its next one is written.
            self._seen[key] = _NOT_REPORTED, found
        return cast(Rental | None, found)

    async def give_up(self, account_id: str, rental_id: int) -> None:
        """End a rental as expired without a refund: the provider does not tell its end.

        Nothing happens where it has ended, and while the ledger is away.
        """
        if self.ledger_away:
            return
        with suppress(LedgerUnavailable):
            given_up = await self._ledger.give_up(account_id, rental_id, self._clock.now())
            if given_up is not None:
                self._seen.pop((account_id, "rental", rental_id), None)
                self._notifier.wake(account_id, rental_id, given_up)

    def bought(self, views: Sequence[View], rental: AnyRental) -> None:
        """A purchase in these views was stored: drop what it changed, and notify the account."""
        account_id = views[0].account_id
        replaced = rental.replaces if isinstance(rental, Rental) else None
        for changed in filter(None, (rental.id, replaced)):
            self._seen.pop((account_id, kind_of(rental), changed), None)
        if rental.id is not None:  # they show it also while the ledger is away
            for view in views:
                self._visible[view, kind_of(rental), rental.id] = True
        self._notifier.account_changed(account_id)

    def changed(self, account_id: str, rental: Rental) -> None:
        """What is wanted of a rental was stored: the cached rental tells it, too.

        Not where a code or an end has come meanwhile, which ends what is wanted.
        """
        key: RentalKey = account_id, "rental", rental.id or 0
        reported, known = self._seen.get(key, (_NOT_REPORTED, rental))
        if isinstance(known, Rental) and known.code is None and known.status not in OVER:
            self._seen[key] = reported, rental
        self._notifier.account_changed(account_id)

    def announced(self, account_id: str, rental_id: int, code: ReceivedCode) -> None:
        """A webhook's code was stored: the cached rental has it, too."""
        seen = self._seen.get((account_id, "rental", rental_id))
        if seen is not None and isinstance(seen[1], Rental):
            rental = seen[1].model_copy(update={"codes": with_announced(seen[1].codes or (), code)})
            self._seen[account_id, "rental", rental_id] = seen[0], rental

    async def changed_elsewhere(self, account_id: str, rental_id: int) -> None:
        """Another process has written a rental: drop the cached one and wake its waiters."""
        self._seen.pop((account_id, "rental", rental_id), None)
        if self._notifier.waited_for(account_id, rental_id):
            rental = await self.known(account_id, rental_id)
            if rental is not None:
                self._notifier.wake(account_id, rental_id, rental)
        self._notifier.account_changed(account_id)

    def ended(self, account_id: str, state: SpendState) -> None:
        """A purchase has ended with `state`: start a search where it may allow a match."""
        if state is not SpendState.UNKNOWN:
            if account_id not in self._reconciler.put_off:
                return
            self._reconciler.put_off.discard(account_id)
        self._start_search(account_id)

    async def look_back(self, account_id: str) -> None:
        """Match known rentals with purchases of unknown outcome."""
        for found in await self._reconciler.look_back(account_id):
            self.bought((View(account_id),), found)

    async def suggestions(self, spend: Spend, prices: Sequence[Price]) -> list[Rental]:
        """The rentals a purchase of unknown outcome may have bought, for an operator."""
        return await self._reconciler.suggestions(spend, prices)

    def on_lost(self, search: Callable[[str], None]) -> None:
        """Set the callback that starts a search for an account; it must not block or raise."""
        self._search = search

    def forget_all(self) -> None:
        """Clear the cache: other processes may have written, or old codes were deleted."""
        self._seen.clear()
        self._recorded.clear()

    async def shows(self, view: View, kind: Kind, provider_id: int) -> bool:
        """Whether the view contains a rental. Its buyer never changes, so True is cached."""
        key = view, kind, provider_id
        if key not in self._visible:
            if await self.find(view, kind, provider_id) is None:
                return False
            self._visible[key] = True
        return True

    def seen_in(self, view: View, kind: Kind, provider_id: int) -> bool:
        """Whether a rental is known to be in the view, also where that is not written yet."""
        return (view, kind, provider_id) in self._visible

    async def find(self, view: View, kind: Kind, provider_id: int) -> AnyRental | None:
        """One rental as stored, if it is in the view. Raises LedgerUnavailable."""
        key = view.account_id, kind, provider_id
        if self._unwritten.ends and self._unwritten.shows(view, key):
            return self._unwritten.known(key)
        return await self._ledger.find(view, kind, provider_id)

    async def _write_or_keep(self, key: RentalKey, stored: AnyRental) -> AnyRental:
        """Write a state down; while the ledger is away keep it, and those that follow."""
        if self._unwritten.known(key) is None:
            try:
                return await self._write(key[0], stored)
            except LedgerUnavailable as fault:
                self._unwritten.lost(fault)
        # Looked up only now: another state may have come while this one could not be written.
        if isinstance(stored, Rental):
            return self._unwritten.keep_state(key, stored, await self.known(key[0], key[2]))
        seen = self._seen.get(key)
        return self._unwritten.keep_state(key, stored, seen[1] if seen is not None else None)

    async def _write_late(self, account_id: str, rental: AnyRental) -> None:
        """Write a state that was kept; from here on the ledger's is the one known."""
        merged = await self._write(account_id, rental)
        if merged.id is not None:
            self._seen.pop((account_id, kind_of(merged), merged.id), None)
        self._notifier.account_changed(account_id)

    def _end_written(self, end: UnwrittenEnd) -> None:
        intent, outcome = end.intent, end.outcome
        if outcome.bought is not None:
            self.bought(intent.views, outcome.bought)
        self.ended(intent.account_id, outcome.state)

    async def _write(self, account_id: str, rental: AnyRental) -> AnyRental:
        """Write a state down, without a field where the ledger cannot hold it."""
        try:
            return await self._match_or_record(account_id, rental)
        except Unstorable as fault:
            for left_out, storable in without_each(rental):
                with suppress(Unstorable):
                    merged = await self._match_or_record(account_id, storable)
                    self._unwritten.left_out(f"rental {rental.id}", left_out, fault)
                    return merged
            self._unwritten.left_out(f"rental {rental.id}", "its state", fault)
            return rental

    async def _match_or_record(self, account_id: str, rental: AnyRental) -> AnyRental:
        if not isinstance(rental, Rental):
            return await self._ledger.record(account_id, rental, self._clock.now())
        rental = named(rental, self._price_cache.known(account_id))
        if rental.status in OVER:  # first, so that a purchase matched with it is refunded too
            await self._record_rental(account_id, rental)
        found = await self._reconciler.found(account_id, rental)
        merged = await self._record_rental(account_id, rental)
        if found is not None:
            self.bought((View(account_id),), found)
            return merged
        from_elsewhere = isinstance(merged, Rental) and merged.created_at is None  # not bought here
        if from_elsewhere and await self._reconciler.would_prices_tell(account_id, rental):
            self._start_search(account_id)
        return merged

    async def _record_rental(self, account_id: str, rental: Rental) -> AnyRental:
        return await self._ledger.record(
            account_id, rental, self._clock.now(), refund_expired=self._expiry_refunds
        )

    def _start_search(self, account_id: str) -> None:
        if self._search is not None:
            self._search(account_id)
