"""Requests that are repeated with the same request_id get the first answer, and buy nothing."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel

from gateway.core.model.errors import (
    GatewayError,
    LedgerUnavailable,
    OutcomeUnknown,
    RequestIdReused,
    RequestInProgress,
)
from gateway.core.model.problem import read_problem
from gateway.core.model.purchases import OPEN, Spend, SpendState, StoredAnswer
from gateway.core.model.values import Charged
from gateway.core.operations.call import Answer
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.observer import Observer
from gateway.core.purchases.order import Next, Order

Out = TypeVar("Out", bound=BaseModel)

NOT_BEGUN = "(not begun)"
"""In place of a ledger id where the purchase has none yet."""

_LOOK_EVERY = 0.05
_FREED = (SpendState.RELEASED, SpendState.REFUSED)  # where they left no answer


@contextmanager
def ledger_checked(observer: Observer, ledger_id: str) -> Iterator[None]:
    """Turn any failure of the ledger into LedgerUnavailable: nothing has been sent so far."""
    try:
        yield
    except GatewayError:
        raise
    except Exception as fault:
        observer.ledger_failed(ledger_id, fault)
        raise LedgerUnavailable from fault


class AlreadyBegun(Exception):
    """Another request with this id was written down first; for the stage FirstAnswer."""

    def __init__(self, first: Spend) -> None:
        super().__init__(first.ledger_id)
        self.first = first


class FirstAnswer:
    """Stage: a request id that was used before gets the first answer, once there is one.

    `patience`: how many seconds a repeated request waits for it.
    """

    def __init__(
        self, ledger: Ledger, clock: Clock, observer: Observer, *, patience: float
    ) -> None:
        """`ledger` tells of other nodes' purchases too."""
        self._ledger = ledger
        self._clock = clock
        self._observer = observer
        self._patience = patience

    async def __call__(self, order: Order, proceed: Next) -> Answer[Any]:
        """Buy, unless the ledger knows of a first request with this id."""
        deadline = self._clock.monotonic() + self._patience
        # Limits refuse nothing that was bought before; without any, beginning tells of it as well.
        look_first = order.context.caller.limits is not None
        while True:
            first = await self.find(order) if look_first else None
            if first is None:
                try:
                    return await proceed(order)
                except AlreadyBegun as found:
                    first = found.first
            answer = await self._again(order, first, deadline)
            if answer is not None:
                return answer

    async def repeated(self, order: Order) -> Answer[Any] | None:
        """The first answer to an order that was given before; None where it is the first."""
        first = await self.find(order) if order.request_id is not None else None
        if first is None:
            return None
        return await self._again(order, first, self._clock.monotonic() + self._patience)

    async def find(self, order: Order) -> Spend | None:
        """What was bought under this request id before. Raises LedgerUnavailable."""
        assert order.request_id is not None  # noqa: S101 - only requests with an id are repeated
        with ledger_checked(self._observer, NOT_BEGUN):
            return await self._ledger.by_request(order.context.caller.id, order.request_id)

    async def _again(self, order: Order, first: Spend, deadline: float) -> Answer[Any] | None:
        """The first answer once more; None where it left none, and the id is free again."""
        if first.fingerprint != order.fingerprint:
            raise RequestIdReused
        stored = await self.answer_of(first, deadline)
        return None if stored is None else give_again(order.op.gives, stored, first.ledger_id)

    async def answer_of(self, first: Spend, deadline: float) -> StoredAnswer | None:
        """The first request's answer; None where it left none and its id is free again.

        Raises OutcomeUnknown or RequestInProgress.
        """
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


class SameRequest:
    """Stage: the same request, under way in this process, is joined (single flight)."""

    def __init__(self, first_answer: FirstAnswer, *, patience: float) -> None:
        """`patience`: how many seconds a joined request waits for the answer."""
        self._first_answer = first_answer
        self._patience = patience
        self._under_way: dict[tuple[str, str, str], asyncio.Task[Answer[Any]]] = {}

    async def __call__(self, order: Order, proceed: Next) -> Answer[Any]:
        """Join the request with the same id and input, or make it."""
        assert order.request_id is not None  # noqa: S101 - only requests with an id come here
        name = order.context.caller.id, order.request_id, order.fingerprint
        same = self._under_way.get(name)
        if same is not None:
            return await self._joined(same, order)
        task = self._under_way[name] = asyncio.ensure_future(proceed(order))
        task.add_done_callback(lambda _: self._under_way.pop(name, None))
        return await task

    async def _joined(self, same: "asyncio.Task[Answer[Any]]", order: Order) -> Answer[Any]:
        done, _ = await asyncio.wait([same], timeout=self._patience)
        if not done:
            raise RequestInProgress(retry_after=1)
        with suppress(LedgerUnavailable):
            first = await self._first_answer.find(order)
            if first is not None and first.answer is not None:
                return give_again(order.op.gives, first.answer, first.ledger_id)
        return replace(same.result(), replayed=True)  # nothing stored: what it raised, again


def give_again(gives: type[Out], stored: StoredAnswer, purchase: str) -> Answer[Out]:
    """The stored answer once more: the same value, or the same error raised."""
    if stored.status >= 400:
        error = read_problem(stored.body)
        error.replayed = True
        raise error
    value = gives.model_validate_json(stored.body)
    return Answer(value, stored.body, replayed=True, purchase=purchase)
