"""What the ledger could not take while it was away: kept in memory, written once it is back."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.core.model.codes import with_code
from gateway.core.model.errors import LedgerUnavailable
from gateway.core.model.purchases import (
    AnyRental,
    Intent,
    Outcome,
    Spend,
    SpendState,
    View,
    ended,
    kind_of,
)
from gateway.core.model.rentals import OVER, Rental, RentalStatus
from gateway.core.model.values import Kind
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.observer import Observer
from gateway.core.rentals.storable import write_end

_AGAIN_AFTER = 1.0  # seconds from one attempt to the next
_MOST_RELEASES = 1000
_MOST_STATES = 20_000

RentalKey = tuple[str, Kind, int]
"""Account id, kind and the provider's id of a rental."""


@dataclass(frozen=True, slots=True)
class UnwrittenEnd:
    """How a purchase ended that was sent."""

    intent: Intent
    outcome: Outcome

    def brought(self, key: RentalKey) -> bool:
        """Whether the purchase brought this rental."""
        bought = self.outcome.bought
        return bought is not None and key == (self.intent.account_id, kind_of(bought), bought.id)

    def is_in(self, view: View) -> bool:
        """Whether the view has what the purchase brought."""
        intent = self.intent
        return view.account_id == intent.account_id and view.caller_id in (None, *intent.counted_by)

    def spend(self) -> Spend:
        """The purchase as the ledger will have it."""
        return ended(self.intent, self.outcome)


class Unwritten:
    """Keeps what could not be written, answers from it, and writes it down in the background.

    `ends`: by ledger id, purchases whose ends are not written. While there are any, nothing is
    sold. Where the process ends before they are written, recovery makes their outcomes unknown.
    `undelivered`: by ledger id, when answers did not reach their callers, where that is not
    written. While there are any, nothing is sold to callers that cannot send request ids.
    """

    def __init__(self, ledger: Ledger, clock: Clock, observer: Observer) -> None:
        """`observer` is told when the ledger is lost, and when it is back."""
        self.ends: dict[str, UnwrittenEnd] = {}
        self.states: dict[RentalKey, list[AnyRental]] = {}  # each as it was merged, oldest first
        self._ledger = ledger
        self._clock = clock
        self._observer = observer
        self._releases: set[str] = set()
        self.undelivered: dict[str, datetime] = {}
        self._lost_at: float | None = None
        self._closed = False
        self._writing: asyncio.Task[None] | None = None
        self._write_state: Callable[[str, AnyRental], Awaitable[object]] | None = None
        self._end_written: Callable[[UnwrittenEnd], None] | None = None

    def when_back(
        self,
        write_state: Callable[[str, AnyRental], Awaitable[object]],
        end_written: Callable[[UnwrittenEnd], None],
    ) -> None:
        """Set how a rental's state is written, and what is called once an end is written."""
        self._write_state = write_state
        self._end_written = end_written

    @property
    def away(self) -> bool:
        """Whether the ledger has failed, and has not taken everything since."""
        return self._lost_at is not None

    async def probe(self) -> bool:
        """Whether the ledger can be written, and holds everything."""
        if self.away:
            return False
        with suppress(LedgerUnavailable):
            await self._ledger.probe(self._clock.now())
            return True
        return False

    def lost(self, fault: Exception) -> None:
        """The ledger failed: an outage begins, unless one has begun before."""
        if self._lost_at is None and not self._closed:
            self._lost_at = self._clock.monotonic()
            self._observer.ledger_lost(fault)
            self._writing = asyncio.create_task(self._write_until_back())

    def keep_end(self, end: UnwrittenEnd, fault: Exception) -> None:
        """Keep the end of a purchase that was sent."""
        self.ends[end.intent.ledger_id] = end
        self._observer.end_unwritten()
        self.lost(fault)

    async def write_storable(self, end: UnwrittenEnd) -> None:
        """Write an end that the ledger refused for its content, without what it cannot hold."""
        try:
            await write_end(
                self._ledger, end.intent.ledger_id, end.outcome, self._clock, self._observer
            )
        except LedgerUnavailable as fault:
            self.keep_end(end, fault)

    def keep_release(self, ledger_id: str, fault: Exception) -> None:
        """Release an intent that may have been stored though the ledger failed; it was not sent.

        At most 1000 are kept: further ones stay open until this process ends.
        """
        if len(self._releases) < _MOST_RELEASES:
            self._releases.add(ledger_id)
        self.lost(fault)

    def keep_undelivered(self, ledger_id: str, at: datetime, fault: Exception) -> None:
        """Mark a purchase as undelivered later."""
        self.undelivered[ledger_id] = at
        self.lost(fault)

    def keep_state(self, key: RentalKey, said: AnyRental, known: AnyRental | None) -> AnyRental:
        """Keep what the provider said of a rental; returns it merged with what is `known`."""
        merged = merged_in_memory(self.known(key) or known, said, self._clock.now())
        kept = self.states.setdefault(key, [])
        if not kept or kept[-1] != merged:
            kept.append(merged)
        if len(self.states) > _MOST_STATES:
            del self.states[next(iter(self.states))]  # the provider still has it
        return merged

    def known(self, key: RentalKey) -> AnyRental | None:
        """A rental as kept here."""
        if key in self.states:
            return self.states[key][-1]
        return next((end.outcome.bought for end in self.ends.values() if end.brought(key)), None)

    def shows(self, view: View, key: RentalKey) -> bool:
        """Whether the view has a rental that a purchase kept here brought."""
        return any(end.brought(key) and end.is_in(view) for end in self.ends.values())

    def by_request(self, caller_id: str, request_id: str) -> Spend | None:
        """The purchase that a caller made with this request id."""
        for end in self.ends.values():
            if (end.intent.caller_id, end.intent.request_id) == (caller_id, request_id):
                return end.spend()
        return None

    def left_out(self, what: str, field: str, fault: Exception) -> None:
        """Report what the ledger refused for its content, and what was left out of it."""
        self._observer.content_refused(what, field, fault)

    async def close(self) -> None:
        """Try to write everything once more, then stop."""
        self._closed = True
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])
            try:
                await self._write_all()
            except LedgerUnavailable:
                self._observer.ends_lost(sorted(self.ends))

    async def _write_until_back(self) -> None:
        while True:
            await asyncio.sleep(_AGAIN_AFTER)
            try:
                await self._write_all()
                await self._ledger.probe(self._clock.now())
            except LedgerUnavailable:
                continue
            if not (self.ends or self.states or self._releases or self.undelivered):
                break
        lost_at, self._lost_at = self._lost_at or 0.0, None
        self._observer.ledger_back(self._clock.monotonic() - lost_at)

    async def _write_all(self) -> None:
        for ledger_id in list(self._releases):
            with self._defects_reported():
                released = Outcome(SpendState.RELEASED)
                await self._ledger.settle(ledger_id, released, self._clock.now())
            self._releases.discard(ledger_id)
        for ledger_id, end in list(self.ends.items()):
            await write_end(self._ledger, ledger_id, end.outcome, self._clock, self._observer)
            del self.ends[ledger_id]
            if self._end_written is not None:
                self._end_written(end)
        for ledger_id, at in list(self.undelivered.items()):
            with self._defects_reported():
                await self._ledger.mark_undelivered(ledger_id, at)
            del self.undelivered[ledger_id]
        for key in list(self.states):
            while kept := self.states.get(key):
                if self._write_state is not None:
                    with self._defects_reported():
                        await self._write_state(key[0], kept[0])
                del kept[0]
            self.states.pop(key, None)

    @contextmanager
    def _defects_reported(self) -> Iterator[None]:
        """Report what fails though the ledger is there: tried again, it would stop all sales."""
        try:
            yield
        except LedgerUnavailable:
            raise
        except Exception as fault:
            self._observer.background_failed("writing what the ledger missed", fault)


def merged_in_memory(known: AnyRental | None, said: AnyRental, at: datetime) -> AnyRental:
    """What the provider said of a rental, with what was known where it was silent."""
    if known is None and isinstance(said, Rental):
        known = said.model_copy(update={"code": None, "codes": ()})
    if known is None:
        return said
    news = {name: value for name, value in said if value is not None}
    if said.status.value == RentalStatus.UNKNOWN:
        news["status"] = known.status
    if isinstance(known, Rental) and isinstance(said, Rental):
        if known.status in OVER and said.status not in OVER:  # an end is final
            news["status"] = known.status
        news |= _codes_in_memory(known, said, at)
    return known.model_copy(update=news)


def _codes_in_memory(known: Rental, said: Rental, at: datetime) -> dict[str, Any]:
    kept = known.codes or ()
    if said.code in (None, known.code):
        return {"code_received_at": known.code_received_at}
    read_before = any(each.code == said.code and not each.provisional for each in kept)
    if read_before and said.status not in OVER:  # an older read; after the end none is
        return {
            "code": known.code,
            "code_received_at": known.code_received_at,
            "status": known.status,
        }
    return {"code_received_at": at, "codes": with_code(kept, said.code, at)}
