"""Settlement of purchases in the ledger: now, later, or by an operator."""

import asyncio
from decimal import Decimal

from gateway.core.model.long_rentals import LongRental, LongRentalStatus
from gateway.core.model.provider_errors import UpstreamRefused
from gateway.core.model.purchases import (
    AnyRental,
    Outcome,
    Spend,
    SpendState,
    stored_error,
    stored_value,
)
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.observer import Observer

_AGAIN_AFTER, _AT_MOST = 1.0, 30.0  # seconds
_MOST_RELEASED = 1000


class Settlement:
    """Settles purchases. A caller gets its answer also while the ledger fails."""

    def __init__(self, ledger: Ledger, clock: Clock, observer: Observer) -> None:
        """`observer` gets the first failure of each purchase."""
        self._ledger = ledger
        self._clock = clock
        self._observer = observer
        self._later: set[asyncio.Task[None]] = set()

    async def end(self, ledger_id: str, outcome: Outcome) -> bool:
        """Store the outcome; False where that failed and is retried in the background.

        Where this process ends before it succeeds, recovery makes the purchase unknown.
        """
        try:
            await self._ledger.settle(ledger_id, outcome, self._clock.now())
        except Exception as fault:
            self._observer.ledger_failed(ledger_id, fault)
            self._write_later(ledger_id, outcome)
            return False
        return True

    def release(self, ledger_id: str) -> None:
        """Release in the background an intent that may have been stored though the ledger failed.

        Nothing was sent. At most 1000 are retried at a time, in case the ledger is unavailable for
        long; further ones stay open until this process ends.
        """
        if len(self._later) < _MOST_RELEASED:
            self._write_later(ledger_id, Outcome(SpendState.RELEASED))

    def _write_later(self, ledger_id: str, outcome: Outcome) -> None:
        task = asyncio.create_task(self._until_written(ledger_id, outcome))
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _until_written(self, ledger_id: str, outcome: Outcome) -> None:
        pause = _AGAIN_AFTER
        while True:
            await asyncio.sleep(pause)
            try:
                await self._ledger.settle(ledger_id, outcome, self._clock.now())
            except Exception:  # reported before
                pause = min(2 * pause, _AT_MOST)
            else:
                return


def resolution(spend: Spend, provider_id: int | None, price: Decimal | None) -> Outcome:
    """The outcome as an operator decides it; `provider_id` None: nothing was charged.

    It replaces the stored answer, so that a caller that repeats its request gets the outcome.
    """
    if provider_id is None:
        error = UpstreamRefused("The operator found that the provider did not make this purchase.")
        return Outcome(SpendState.REFUSED, stored_error(error, spend.ledger_id))
    rental = _rental_of(spend, provider_id, spend.reserved if price is None else price)
    return Outcome(SpendState.BOUGHT, stored_value(rental), rental)


def _rental_of(spend: Spend, provider_id: int, price: Decimal | None) -> AnyRental:
    if spend.kind == "long_rental":
        return LongRental(id=provider_id, status=LongRentalStatus.ACTIVE, price=price)
    return Rental(
        id=provider_id,
        ledger_id=spend.ledger_id,
        status=RentalStatus.ACTIVE,
        service_code=spend.service_code,
        price=price,
        created_at=spend.at,
    )
