"""Purchases whose answers their callers did not get, on faces where no request id can be sent.

Such a caller asks the same again, as many tools do by themselves. That must not buy again: it gets
what was bought, or, while that is not known, the same word that it is not known. The ledger knows
of them, so it holds on every node and after a crash.
"""

import asyncio
from datetime import timedelta
from typing import Any

from gateway.core.model.errors import OutcomeUnknown
from gateway.core.model.purchases import SpendState
from gateway.core.operations.call import Answer
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.purchases.idempotency import give_again
from gateway.core.purchases.order import Order

_LOOK_EVERY = 0.05


class Redelivery:
    """Keeps them for the same caller asking the same, for so many `seconds`; 0 for not at all.

    `patience`: how many seconds to wait for a purchase under way whose asker has hung up.
    """

    def __init__(self, ledger: Ledger, clock: Clock, seconds: float, patience: float) -> None:
        """Take the ledger, which remembers them."""
        self._ledger = ledger
        self._clock = clock
        self._kept_for = timedelta(seconds=seconds)
        self._patience = patience

    def serves(self, order: Order) -> bool:
        """Whether this order is of a kind that is kept."""
        return order.redeliverable and bool(self._kept_for)

    async def undelivered(self, purchase: str) -> None:
        """The asker of a purchase has hung up, before its answer or without taking it."""
        await self._ledger.mark_undelivered(purchase, self._clock.now())

    async def earlier(self, order: Order, fingerprint: str) -> Answer[Any] | None:
        """The answer kept for this order; None where there is none, and it is to be bought.

        What is under way and nobody waits for any more is waited for. One whose asker still waits
        is nobody else's: tools that ask ten times at once mean ten numbers. Raises OutcomeUnknown
        where the answer was lost, or does not come in time.
        """
        caller_id = order.context.caller.id
        until = self._clock.monotonic() + self._patience
        while True:
            now = self._clock.now()
            since = now - self._kept_for
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
