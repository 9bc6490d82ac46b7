"""Purchases whose answers their callers did not get, on faces where no request id can be sent.

Such a caller asks the same again, as many tools do by themselves. That must not buy again: it gets
what was bought, or, while that is not known, the same word that it is not known.
"""

from datetime import timedelta
from typing import Any

from cachetools import TTLCache

from gateway.core.answers import Answer
from gateway.core.errors import OutcomeUnknown
from gateway.core.kept_answers import give_again
from gateway.core.ledger import Ledger, Spend, SpendState
from gateway.core.order import Order
from gateway.core.ports import Clock

_REMEMBERED = 10_000


class HandingOver:
    """Keeps them for the same caller asking the same, for so many `seconds`; 0 for not at all.

    What was bought and not delivered is in the ledger, for every node; lost answers are remembered
    by this process only.
    """

    def __init__(self, ledger: Ledger, clock: Clock, seconds: float) -> None:
        """Start with none."""
        self._ledger = ledger
        self._clock = clock
        self._kept_for = timedelta(seconds=seconds)
        self._lost: TTLCache[tuple[str, str], str] = TTLCache(
            _REMEMBERED, seconds, timer=clock.monotonic
        )

    def serves(self, order: Order) -> bool:
        """Whether this order is of a kind that is kept."""
        return order.hands_over and bool(self._kept_for)

    async def undelivered(self, purchase: str) -> None:
        """The answer of a purchase did not reach its caller."""
        await self._ledger.mark_undelivered(purchase, self._clock.now())

    def lost(self, order: Order, fingerprint: str, purchase: str) -> None:
        """The provider's answer to a purchase was lost."""
        self._lost[order.desk.caller.id, fingerprint] = purchase

    async def earlier(self, order: Order, fingerprint: str) -> Answer[Any] | None:
        """The answer kept for this order. Raises OutcomeUnknown where nobody knows it yet."""
        caller_id = order.desk.caller.id
        since = self._clock.now() - self._kept_for
        spend = await self._ledger.take_undelivered(caller_id, fingerprint, since)
        if spend is None:
            spend = await self._found_again(caller_id, fingerprint)
        if spend is None or spend.answer is None:
            return None
        return give_again(order.op, spend.answer, spend.ledger_id)

    async def _found_again(self, caller_id: str, fingerprint: str) -> Spend | None:
        """What a lost purchase turned out to have bought, once."""
        lost = self._lost.get((caller_id, fingerprint))
        spend = await self._ledger.spend(lost) if lost else None
        if spend is None:
            return None
        if spend.state is SpendState.UNKNOWN:
            raise OutcomeUnknown("The same was sent a moment ago, and its answer was lost.")
        self._lost.pop((caller_id, fingerprint), None)
        return spend if spend.state is SpendState.BOUGHT else None
