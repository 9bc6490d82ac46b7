"""Ends the purchases of test keys whose outcome is unknown; for real ones an operator has to."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import datetime

from adapters.sandbox import rentals
from adapters.sandbox.catalogue import FOUND_AFTER, LOST_ANSWER, SERVICES
from adapters.sandbox.provider import NextId
from gateway.core.model.callers import TEST_ACCOUNT_ID
from gateway.core.model.purchases import AnyRental, Outcome, Spend, SpendState, View, stored_value
from gateway.core.model.rentals import Rental, RentNumber
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.observer import Observer, surviving

_LOOK_EVERY = 2.0  # seconds


class LostAnswers:
    """Finds what the scenario LOST_ANSWER has bought, some seconds after it was asked.

    Anything else of unknown outcome was under way in a process that died. The sandbox sells
    nothing that is not in the ledger, so it was not bought. All nodes look; the ledger lets one of
    them settle.
    """

    def __init__(
        self,
        ledger: Ledger,
        next_id: NextId,
        now: Callable[[], datetime],
        found: Callable[[Sequence[View], AnyRental], None],
        observer: Observer,
    ) -> None:
        """`found` is called with what was settled as bought, and where it is seen."""
        self._ledger = ledger
        self._next_id = next_id
        self._now = now
        self._found = found
        self._observer = observer

    async def run(self) -> None:
        """Look until cancelled. Failures are reported, and tried again."""
        while True:
            with surviving(self._observer, "ending lost test purchases"):
                await self.look()
            await asyncio.sleep(_LOOK_EVERY)

    async def look(self) -> None:
        """Settle what was lost long enough ago."""
        for spend in await self._ledger.unanswered(TEST_ACCOUNT_ID):
            if spend.state is SpendState.UNKNOWN and self._now() >= spend.at + FOUND_AFTER:
                await self._settle(spend)

    async def _settle(self, spend: Spend) -> None:
        rental = await self._bought(spend) if spend.service_code == LOST_ANSWER else None
        if rental is None:
            await self._ledger.settle(spend.ledger_id, Outcome(SpendState.RELEASED), self._now())
            return
        outcome = Outcome(SpendState.BOUGHT, stored_value(rental), rental)
        if await self._ledger.settle(spend.ledger_id, outcome, self._now()):
            self._found((View(spend.account_id),), rental)

    async def _bought(self, spend: Spend) -> Rental:
        asked = RentNumber(service_code=LOST_ANSWER, **json.loads(spend.wishes or "{}"))
        if spend.subject_id is not None and spend.replaces is None:  # it is rented once more
            earlier = await self._ledger.find(View(spend.account_id), "rental", spend.subject_id)
            asked = rentals.same(earlier) if isinstance(earlier, Rental) else asked
        price = rentals.price_of(asked, SERVICES[LOST_ANSWER])
        rental = rentals.sold(await self._next_id(), asked, price, spend.at)
        return rental.model_copy(
            update={
                "ledger_id": spend.ledger_id,
                "codes": (),
                "balance": None,
                "reference": spend.reference,
                "replaces": spend.replaces,
            }
        )
