"""Purchases whose answers did not reach their callers, on faces without request ids.

Such a caller asks the same again, as many tools do by themselves. That must not buy again: it gets
what was bought, or, while that is not known, the same error that it is not known. The ledger keeps
them, so it holds on every node and after a crash.
"""

import asyncio
from datetime import timedelta
from typing import Any

from gateway.core.model.errors import OutcomeUnknown
from gateway.core.model.purchases import SpendState
from gateway.core.operations.call import Answer
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.observer import Observer
from gateway.core.purchases.idempotency import NOT_BEGUN, give_again, ledger_checked
from gateway.core.purchases.order import Next, Order

_LOOK_EVERY = 0.05


class Redelivery:
    """Stage: the same caller asking the same within `seconds` gets the undelivered answer.

    0 seconds: never. `patience`: how many seconds to wait for a purchase under way whose caller
    has hung up.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        observer: Observer,
        *,
        seconds: float,
        patience: float,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._observer = observer
        self._window = timedelta(seconds=seconds)
        self._patience = patience

    async def __call__(self, order: Order, proceed: Next) -> Answer[Any]:
        """Give the undelivered answer, or buy."""
        if order.redeliverable and self._window:
            with ledger_checked(self._observer, NOT_BEGUN):
                found = await self._earlier(order)
            if found is not None:
                return found
        return await proceed(order)

    async def undelivered(self, purchase: str) -> None:
        """The caller has hung up, before the answer came or without taking it."""
        await self._ledger.mark_undelivered(purchase, self._clock.now())

    async def _earlier(self, order: Order) -> Answer[Any] | None:
        """The answer kept for this order; None where there is none, and it is to be bought.

        A purchase under way that nobody waits for any more is waited for. One whose caller still
        waits is nobody else's: tools that ask ten times at once mean ten numbers. Raises
        OutcomeUnknown where the answer was lost, or does not come in time.
        """
        caller_id, fingerprint = order.context.caller.id, order.fingerprint
        until = self._clock.monotonic() + self._patience
        while True:
            now = self._clock.now()
            since = now - self._window
            # In this order: one that ends in between is found by the second.
            lost = await self._ledger.find_abandoned(caller_id, fingerprint, since, now)
            spend = await self._ledger.take_undelivered(caller_id, fingerprint, since)
            if spend is not None and spend.answer is not None:
                return give_again(order.op.gives, spend.answer, spend.ledger_id)
            if lost is None:
                return None
            if lost.state is SpendState.UNKNOWN or self._clock.monotonic() >= until:
                raise OutcomeUnknown("The same was sent a moment ago, and its answer was lost.")
            await asyncio.sleep(_LOOK_EVERY)
