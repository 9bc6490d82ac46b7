"""Redelivery of purchases whose answers did not reach their callers, without request ids.

Such a client sends the same request again, as many tools do automatically. That must not buy again:
it gets what was bought, or OutcomeUnknown while that is not known. The state is in the ledger, so
this works on every node and after a crash.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

from gateway.core.model.errors import LedgerUnavailable, OutcomeUnknown
from gateway.core.model.purchases import Spend, SpendState
from gateway.core.model.settling import named
from gateway.core.operations.call import Answer
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.purchases.idempotency import before_sending, give_again
from gateway.core.purchases.order import Next, Order
from gateway.core.rentals.unwritten import Unwritten

_POLL_SECONDS = 0.05
_DELIVERED_SECONDS = 0.5  # from handing an answer over to writing that down, for many at once


class Redelivery:
    """Stage: the same request by the same caller within `seconds` gets the undelivered answer.

    `seconds` 0 disables it. `patience`: the most seconds to wait for a purchase under way whose
    caller disconnected.
    """

    def __init__(
        self,
        ledger: Ledger,
        unwritten: Unwritten,
        clock: Clock,
        *,
        seconds: float,
        patience: float,
    ) -> None:
        self._ledger = ledger
        self._unwritten = unwritten
        self._clock = clock
        self._window = timedelta(seconds=seconds)
        self._patience = patience
        self._delivered: set[str] = set()
        self._marking: asyncio.Task[None] | None = None

    async def __call__(self, order: Order, proceed: Next) -> Answer[Any]:
        """Return the undelivered answer, or pass the order on."""
        if order.redeliverable and self._window:
            if self._unwritten.undelivered:  # this order's may be among them
                raise LedgerUnavailable.nothing_sent()
            with before_sending():
                found = await self._earlier(order)
            if found is not None:
                return found
        return await proceed(order)

    async def undelivered(self, purchase: str) -> None:
        """Mark a purchase whose caller disconnected before it received the answer."""
        now = self._clock.now()
        try:
            await self._ledger.mark_undelivered(purchase, now)
        except LedgerUnavailable as fault:
            self._unwritten.keep_undelivered(purchase, now, fault)

    def delivered(self, purchase: str) -> None:
        """The answer of a purchase was handed to its connection; written down a moment later."""
        self._delivered.add(purchase)
        if self._marking is None or self._marking.done():
            self._marking = asyncio.create_task(self._mark_delivered())

    async def close(self) -> None:
        """Write down what was delivered."""
        if self._marking is not None:
            self._marking.cancel()
            await asyncio.wait([self._marking])
            await self._mark(self._delivered)

    async def _mark_delivered(self) -> None:
        while self._delivered:
            await asyncio.sleep(_DELIVERED_SECONDS)
            delivered, self._delivered = self._delivered, set()
            await self._mark(delivered)

    async def _mark(self, delivered: set[str]) -> None:
        with suppress(LedgerUnavailable):  # then a crash within the window delivers them again
            await self._ledger.mark_delivered(delivered)

    async def _earlier(self, order: Order) -> Answer[Any] | None:
        """The undelivered answer for this order; None where there is none.

        Waits for a purchase under way whose caller disconnected. One whose caller is still there is
        not shared: ten concurrent requests mean ten numbers. Raises OutcomeUnknown where the
        response was lost, or does not come in time.
        """
        until = self._clock.monotonic() + self._patience
        while True:
            if self._unwritten.ends:  # the end waited for may be one of these
                raise LedgerUnavailable.nothing_sent()
            lost: Spend | None = None
            for fingerprint in order.fingerprints:
                abandoned, spend = await self._look(order.context.caller.id, fingerprint)
                if spend is not None and spend.answer is not None:
                    return give_again(order.op.gives, spend.answer, spend.ledger_id)
                lost = lost or abandoned
            if lost is None:
                return None
            if lost.state is SpendState.UNKNOWN or self._clock.monotonic() >= until:
                error = OutcomeUnknown("The same was sent a moment ago, and its answer was lost.")
                error.detail = named(error.detail, lost.ledger_id)
                raise error
            await asyncio.sleep(_POLL_SECONDS)

    async def _look(self, caller_id: str, fingerprint: str) -> tuple[Spend | None, Spend | None]:
        """The abandoned purchase and the undelivered one, which nobody else gets from here on."""
        now = self._clock.now()
        since = now - self._window
        # In this order: a purchase that ends in between is found by the second query.
        abandoned = await self._ledger.find_abandoned(caller_id, fingerprint, since, now)
        return abandoned, await self._ledger.take_undelivered(caller_id, fingerprint, since)
