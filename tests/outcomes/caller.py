"""A sensible client: it wants codes for its budget, and knows rent, wait, replace and cancel."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from gateway.core.model.codes import CodeStatus
from gateway.core.model.errors import BudgetExceeded, GatewayError, OutcomeUnknown
from gateway.core.model.provider_errors import CodeAlreadyReceived, RentalEnded
from gateway.core.model.rentals import OVER, Rental
from gateway.core.operations.call import Answer
from gateway.core.operations.codes import WAIT_FOR_CODE
from gateway.core.operations.operation import AnyOperation
from gateway.core.operations.rentals import CANCEL_RENTAL, RENT_NUMBER
from gateway.core.operations.replacement import REPLACE_RENTAL
from tests.outcomes.world import Key, World
from tests.support.held_time import loop

_PATIENCE = 150.0  # seconds for which a code is waited for
_LOOKING = 45.0  # seconds between two looks at a number that was given up
_AGAIN = 1.0
_CANCELS = 5  # every so many silent numbers are cancelled, and another is rented later


@dataclass
class Caller:
    """The client of one key.

    `bought`: the rental that each of its purchases brought, by request id; `lost`: purchases it was
    told nobody knows the outcome of; `given_up`: silent numbers that have not ended yet, as far as
    it was told; `since`: when it began to give a number up.
    """

    world: World
    key: Key
    codes: dict[int, str] = field(default_factory=dict)
    bought: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    replaced: dict[int, int] = field(default_factory=dict)
    given_up: set[int] = field(default_factory=set)
    since: dict[int, float] = field(default_factory=dict)
    silent: int = 0
    surprises: Counter[str] = field(default_factory=Counter)
    _numbers: "count[int]" = field(default_factory=count)

    async def live(self) -> None:
        """Until the budget is spent and nothing of it can come back."""
        async with asyncio.TaskGroup() as watching:
            while True:
                hopes = bool(self.given_up)
                rental = await self._buy(RENT_NUMBER, {"service_code": self.key.service})
                if isinstance(rental, Rental):
                    await self._fulfil(rental, watching)
                elif isinstance(rental, BudgetExceeded) and hopes:
                    await asyncio.sleep(_LOOKING)
                elif not isinstance(rental, OutcomeUnknown):
                    return

    async def _fulfil(self, rental: Rental, watching: asyncio.TaskGroup) -> None:
        """Wait for its code; replace it, and again, where it stays silent."""
        current: Rental | None = rental
        while current is not None:
            id = _id(current)
            if not await self._is_silent(id):
                return
            self.silent += 1
            self.since[id] = self.world.provider.now()
            if self.silent % _CANCELS == 0:
                await self._cancel(id)
                current = None
            else:
                current = await self._replace(id)
            self.given_up.add(id)
            watching.create_task(self._watch(id))

    async def _is_silent(self, id: int) -> bool:
        """Whether no code comes; False also where it has ended."""
        until = loop().time() + _PATIENCE
        while loop().time() < until:
            if await self._look(id, 25) is not CodeStatus.PENDING:
                return False
        return True

    async def _replace(self, id: int) -> Rental | None:
        """The number in its place, or None, where it cannot be replaced; it is cancelled then."""
        answer = await self._buy(REPLACE_RENTAL, {"rental_id": id})
        if isinstance(answer, Rental):
            self.replaced[id] = _id(answer)
            if answer.replaces != id:
                self.surprises[f"a replacement says that it replaces {answer.replaces}"] += 1
            return answer
        if not isinstance(answer, CodeAlreadyReceived):
            await self._cancel(id)
        return None

    async def _cancel(self, id: int) -> None:
        answer = await self._ask(CANCEL_RENTAL, {"rental_id": id})
        if isinstance(answer, Rental):
            if answer.status not in OVER and answer.cancel_requested_at is None:
                self.surprises["a cancel was answered, and no wish stands"] += 1
        elif not isinstance(answer, CodeAlreadyReceived | RentalEnded):
            self._note(CANCEL_RENTAL, answer)

    async def _watch(self, id: int) -> None:
        """Look at a number that was given up, until it has ended or its code came after all."""
        while True:
            if await self._look(id, 0) is not CodeStatus.PENDING:
                break
            await asyncio.sleep(_LOOKING)
        self.given_up.discard(id)

    async def _look(self, id: int, seconds: int) -> CodeStatus:
        found = await self._ask(WAIT_FOR_CODE, {"rental_id": id, "wait_seconds": seconds})
        if isinstance(found, GatewayError):
            self._note(WAIT_FOR_CODE, found)
            return CodeStatus.ENDED
        if found.code is not None:
            self.codes[id] = found.code
        status: CodeStatus = found.status
        return status

    async def _buy(self, op: AnyOperation, given: Mapping[str, Any]) -> Rental | GatewayError:
        request_id = f"{self.key.name}-{next(self._numbers)}"
        answer: Rental | GatewayError = await self._ask(op, given, request_id)
        if isinstance(answer, Rental):
            self.bought[request_id] = _id(answer)
        elif isinstance(answer, OutcomeUnknown):
            self.lost.append(request_id)
        elif not isinstance(answer, BudgetExceeded | CodeAlreadyReceived):
            self._note(op, answer)
        return answer

    async def _ask(
        self, op: AnyOperation, given: Mapping[str, Any], request_id: str | None = None
    ) -> Any:
        """The answer, or an error that asking again does not mend."""
        while True:
            answer = await self.world.answer(self.key, op, given, request_id)
            if isinstance(answer, Answer):
                return answer.value
            if answer is not None and not answer.retryable:
                return answer
            await asyncio.sleep(_AGAIN if answer is None else answer.retry_after or _AGAIN)

    def _note(self, op: AnyOperation, error: GatewayError) -> None:
        self.surprises[f"{op.name}: {error.code}: {error}"] += 1


def _id(rental: Rental) -> int:
    assert rental.id is not None
    return rental.id
