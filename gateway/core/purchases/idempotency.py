"""What a request is told whose id another node's request has used before."""

import asyncio
from contextlib import suppress
from typing import TypeVar

from pydantic import BaseModel

from gateway.core.model.errors import OutcomeUnknown, RequestInProgress
from gateway.core.model.problem import read_problem
from gateway.core.model.purchases import OPEN, Spend, SpendState, StoredAnswer
from gateway.core.model.values import Charged
from gateway.core.operations.call import Answer
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger

_LOOK_EVERY = 0.05
_FREED = (SpendState.RELEASED, SpendState.REFUSED)  # where they left no answer


class FirstAnswer:
    """Waits for purchases under way, as the ledger tells of them."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        """Take the ledger, through which other nodes' purchases are seen."""
        self._ledger = ledger
        self._clock = clock

    async def of(self, first: Spend, deadline: float) -> StoredAnswer | None:
        """The first request's answer; None where it left none and its id is free again."""
        spend: Spend | None = first
        while spend is not None and spend.answer is None:
            if spend.state is SpendState.UNKNOWN:
                raise OutcomeUnknown  # the process that sent it died without an answer
            if spend.state in _FREED:
                self._check_time_for_another(deadline)
                return None
            if spend.state not in OPEN or self._late(deadline):
                break
            await asyncio.sleep(_LOOK_EVERY)
            with suppress(Exception):  # a ledger that is away for a moment is asked again
                spend = await self._ledger.spend(first.ledger_id)
        if spend is not None and spend.answer is not None:
            return spend.answer
        raise RequestInProgress(retry_after=1)

    def _check_time_for_another(self, deadline: float) -> None:
        """Raises where the waiting has left no time to make the request anew."""
        if self._late(deadline):
            raise RequestInProgress(
                "The first request with this request_id bought nothing.",
                charged=Charged.NO,
                retry_after=1,
                advice="Repeat it with the same request_id.",
            )

    def _late(self, deadline: float) -> bool:
        return self._clock.monotonic() >= deadline


Out = TypeVar("Out", bound=BaseModel)


def give_again(gives: type[Out], kept: StoredAnswer, purchase: str) -> Answer[Out]:
    """The kept answer once more: the same value, or the same error raised."""
    if kept.status >= 400:
        error = read_problem(kept.body)
        error.replayed = True
        raise error
    value = gives.model_validate_json(kept.body)
    return Answer(value, kept.body, replayed=True, purchase=purchase)
