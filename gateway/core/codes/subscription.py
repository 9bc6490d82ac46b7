"""Event subscriptions: the rentals that are polled for a client of the event stream."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from gateway.core.codes.poll_schedule import PollTarget
from gateway.core.codes.poller import CodePoller
from gateway.core.model.errors import GatewayError
from gateway.core.model.events import Event, EventType
from gateway.core.model.purchases import View
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.ports.ledger import Ledger
from gateway.core.prices.cache import PriceCache
from gateway.core.upstream.account import AccountUpstream

_MOST = 1000


class Subscription:
    """Listens to each rental of a view that may still receive a code."""

    __slots__ = ("_asking", "_ledger", "_poller", "_price_cache", "_targets", "_upstream", "view")

    def __init__(
        self,
        ledger: Ledger,
        price_cache: PriceCache,
        poller: CodePoller,
        upstream: AccountUpstream,
        view: View,
    ) -> None:
        """Nothing is polled before `start`."""
        self.view = view
        self._ledger = ledger
        self._price_cache = price_cache
        self._poller = poller
        self._upstream = upstream
        self._targets: dict[int, PollTarget] = {}
        self._asking: set[asyncio.Task[None]] = set()

    async def start(self, now: datetime) -> None:
        """Listen to the rentals that may still receive a code, newest first.

        Of those that have one, only rentals before their `ends_at` are polled at full pace.
        """
        active = await self._in_status(RentalStatus.ACTIVE)
        with_code = await self._in_status(RentalStatus.CODE_RECEIVED)
        unended = [each for each in with_code if each.ends_at is not None and each.ends_at > now]
        for rental in active + [each for each in unended if await self._another_may_come(each)]:
            self._listen(rental)

    def follow(self, events: Iterable[Event]) -> None:
        """Listen to new rentals, and no longer to those that have ended."""
        for event in events:
            if event.data is None:
                continue
            if event.type is EventType.RENTAL_CREATED:
                self._listen(event.data)
            elif event.type is EventType.RENTAL_ENDED:
                self.drop(event.data)

    def when_finished(self, events: Iterable[Event], drop: Callable[[Rental], None]) -> None:
        """Call `drop` with each rental that received its code and whose service sends only one.

        Later, where the price list that tells is not known: the provider may take long to tell it,
        and whoever calls has more events to send.
        """
        received = [
            event.data
            for event in events
            if event.type is EventType.RENTAL_CODE_RECEIVED and event.data is not None
        ]
        if received:
            asking = asyncio.create_task(self._drop_finished(received, drop))
            self._asking.add(asking)
            asking.add_done_callback(self._asking.discard)

    async def _drop_finished(
        self, received: Sequence[Rental], drop: Callable[[Rental], None]
    ) -> None:
        for rental in received:
            if not await self._another_may_come(rental):
                drop(rental)

    def drop(self, rental: Rental) -> None:
        """Stop listening to this rental."""
        target = self._targets.pop(rental.id, None) if rental.id is not None else None
        if target is not None:
            self._poller.unlisten(target)

    def close(self) -> None:
        """Stop listening to all rentals."""
        for asking in self._asking:
            asking.cancel()
        while self._targets:
            self._poller.unlisten(self._targets.popitem()[1])

    def _listen(self, rental: Rental) -> None:
        if rental.id is not None and rental.id not in self._targets:
            self._targets[rental.id] = self._poller.listen(self._upstream, rental)

    async def _another_may_come(self, rental: Rental) -> bool:
        """Whether its service sends more than one code; True without a price list."""
        try:
            prices = self._price_cache.known(
                self._upstream.account_id
            ) or await self._price_cache.current(self._upstream)
        except GatewayError:
            return True
        found = (each for each in prices if each.service_code == rental.service_code)
        return next((each.multiple_sms for each in found), True)

    async def _in_status(self, status: RentalStatus) -> list[Rental]:
        found = await self._ledger.list_rentals(
            self.view, status=status, service_code=None, limit=_MOST, before=None
        )
        return [rental for rental in found if rental.id is not None]
