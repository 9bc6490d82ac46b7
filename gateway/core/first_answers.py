"""What a repeated request is answered: what the first one with its id was, here or elsewhere."""

import asyncio
from typing import Any

from gateway.core.answers import Answer
from gateway.core.errors import OutcomeUnknown, RequestInProgress
from gateway.core.ledger import OPEN, Ledger, Spend, SpendState, StoredAnswer
from gateway.core.operation import AnyOperation
from gateway.core.ports import Clock
from gateway.core.values import Charged

_LOOK_EVERY = 0.05
_FREED = (SpendState.RELEASED, SpendState.REFUSED)  # where they left no answer


class FirstAnswers:
    """Waits for purchases under way. However many wait for one, the ledger is asked once."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        """Take the ledger, through which other nodes' purchases are seen."""
        self._ledger = ledger
        self._clock = clock
        self._here: dict[str, asyncio.Task[Answer[Any]]] = {}
        self._looks: dict[str, asyncio.Task[Spend | None]] = {}

    def expect(self, ledger_id: str, purchase: asyncio.Task[Answer[Any]]) -> None:
        """A purchase is being made by this process."""
        self._here[ledger_id] = purchase
        purchase.add_done_callback(lambda _: self._here.pop(ledger_id, None))

    async def of(self, op: AnyOperation, first: Spend, deadline: float) -> StoredAnswer | None:
        """The first request's answer; None where it left none and its id is free again.

        A first request of this process that failed raises what it raised.
        """
        if first.answer is not None:
            return first.answer
        purchase = self._here.get(first.ledger_id)
        if purchase is not None:
            return await self._from_here(op, first.ledger_id, purchase, deadline)
        return await self._from_elsewhere(first, deadline)

    async def _from_here(
        self, op: AnyOperation, ledger_id: str, purchase: asyncio.Task[Answer[Any]], deadline: float
    ) -> StoredAnswer:
        done, _ = await asyncio.wait([purchase], timeout=max(0.0, self._left(deadline)))
        if not done:
            raise RequestInProgress(retry_after=1)
        kept = await self._ledger.spend(ledger_id)
        if kept is not None and kept.answer is not None:
            return kept.answer
        body = purchase.result().body  # not kept: it failed, or the ledger did after it
        assert body is not None  # noqa: S101 - every purchase has its bytes
        return StoredAnswer(op.rest.success, body)

    async def _from_elsewhere(self, first: Spend, deadline: float) -> StoredAnswer | None:
        spend: Spend | None = first
        while spend is not None and spend.answer is None:
            if spend.state is SpendState.UNKNOWN:
                raise OutcomeUnknown  # the process that sent it died without an answer
            if spend.state in _FREED:
                self._check_time_for_another(deadline)
                return None
            if spend.state not in OPEN or self._left(deadline) <= 0:
                break
            spend = await self._next_look(spend.ledger_id)
        if spend is not None and spend.answer is not None:
            return spend.answer
        raise RequestInProgress(retry_after=1)

    def _check_time_for_another(self, deadline: float) -> None:
        """Raises where the waiting has left no time to make the request anew."""
        if self._left(deadline) <= 0:
            raise RequestInProgress(
                "The first request with this request_id bought nothing.",
                charged=Charged.NO,
                retry_after=1,
                advice="Repeat it with the same request_id.",
            )

    async def _next_look(self, ledger_id: str) -> Spend | None:
        look = self._looks.get(ledger_id)
        if look is None:
            look = self._looks[ledger_id] = asyncio.create_task(self._look(ledger_id))
            look.add_done_callback(lambda _: self._looks.pop(ledger_id, None))
        return await asyncio.shield(look)

    async def _look(self, ledger_id: str) -> Spend | None:
        await asyncio.sleep(_LOOK_EVERY)
        return await self._ledger.spend(ledger_id)

    def _left(self, deadline: float) -> float:
        return deadline - self._clock.monotonic()
