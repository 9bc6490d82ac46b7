"""Idempotency: a request repeated with the same request_id gets the first answer."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel

from gateway.core.model.errors import (
    AlreadyReplaced,
    LedgerUnavailable,
    OutcomeUnknown,
    RequestIdReused,
    RequestInProgress,
    ServiceNotFound,
)
from gateway.core.model.problem import read_problem
from gateway.core.model.purchases import OPEN, Spend, SpendState, StoredAnswer
from gateway.core.model.settling import named
from gateway.core.model.values import Charged
from gateway.core.operations.call import Answer
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.purchases.order import Next, Order
from gateway.core.rentals.unwritten import Unwritten

Out = TypeVar("Out", bound=BaseModel)

_POLL_SECONDS = 0.05
_FREED = (SpendState.RELEASED, SpendState.REFUSED)  # free the request id where no answer is stored


@contextmanager
def before_sending() -> Iterator[None]:
    """Raise LedgerUnavailable in the words of a purchase that was not sent."""
    try:
        yield
    except LedgerUnavailable as fault:
        raise LedgerUnavailable.nothing_sent() from fault


class AlreadyBegun(Exception):
    """The ledger has another request with this request id; handled by FirstAnswer."""

    def __init__(self, first: Spend) -> None:
        super().__init__(first.ledger_id)
        self.first = first


class FirstAnswer:
    """Stage: a request id that was used before gets the first answer, once there is one.

    `patience`: the most seconds a repeated request waits for it.
    """

    def __init__(
        self, ledger: Ledger, unwritten: Unwritten, clock: Clock, *, patience: float
    ) -> None:
        """`ledger` also has the purchases of other nodes."""
        self._ledger = ledger
        self._unwritten = unwritten
        self._clock = clock
        self._patience = patience

    async def __call__(self, order: Order, proceed: Next) -> Answer[Any]:
        """Buy, unless the ledger has a first request with this id."""
        deadline = self._clock.monotonic() + self._patience
        # A replay must not be refused by limits, by what became of its rental, or while nothing is
        # sold. Else `begin` finds it.
        of_rental = order.op.resolve is not None and order.op.subject is not None
        refusable = order.context.caller.limits is not None or of_rental
        find_first = refusable or bool(self._unwritten.ends)
        while True:
            first = await self.find(order) if find_first else None
            if first is None:
                try:
                    return await proceed(order)
                except AlreadyBegun as found:
                    first = found.first
                except (AlreadyReplaced, ServiceNotFound) as refusal:
                    if refusal.upstream is not None:  # sent, and refused by the provider
                        raise
                    # By this very request, on another node? Or sold when the first one came?
                    first = await self.find(order)
                    if first is None:
                        raise
            answer = await self._again(order, first, deadline)
            if answer is not None:
                return answer

    async def repeated(self, order: Order) -> Answer[Any] | None:
        """The first answer where the order is a repetition; None where it is the first."""
        first = await self.find(order) if order.request_id is not None else None
        if first is None:
            return None
        return await self._again(order, first, self._clock.monotonic() + self._patience)

    async def find(self, order: Order) -> Spend | None:
        """The earlier purchase with this request id. Raises LedgerUnavailable."""
        assert order.request_id is not None  # noqa: S101 - only requests with an id are repeated
        asked = order.context.caller.id, order.request_id
        if self._unwritten.ends and (kept := self._unwritten.by_request(*asked)) is not None:
            return kept
        with before_sending():
            return await self._ledger.by_request(*asked)

    async def _again(self, order: Order, first: Spend, deadline: float) -> Answer[Any] | None:
        """Replay the first answer; None where none is stored and the id is free again."""
        if first.fingerprint not in order.fingerprints:
            raise RequestIdReused
        stored = await self.answer_of(first, deadline)
        return None if stored is None else give_again(order.op.gives, stored, first.ledger_id)

    async def answer_of(self, first: Spend, deadline: float) -> StoredAnswer | None:
        """Wait for the first request's answer; None where it has none and its id is free again.

        `deadline` is in monotonic seconds. Raises OutcomeUnknown or RequestInProgress.
        """
        spend: Spend | None = first
        while spend is not None and spend.answer is None:
            if spend.state is SpendState.UNKNOWN:
                lost = OutcomeUnknown()  # the process that sent it died without an answer
                lost.detail = named(lost.detail, spend.ledger_id)
                raise lost
            if spend.state in _FREED:
                self._check_time_for_another(deadline)
                return None
            if spend.state not in OPEN or self._late(deadline):
                break
            await asyncio.sleep(_POLL_SECONDS)
            kept = self._unwritten.ends.get(first.ledger_id)
            with suppress(LedgerUnavailable):  # asked again while it is away
                spend = kept.spend() if kept else await self._ledger.spend(first.ledger_id)
        if spend is not None and spend.answer is not None:
            return spend.answer
        raise RequestInProgress(retry_after=1)

    def _check_time_for_another(self, deadline: float) -> None:
        """Raise RequestInProgress where no time is left to make the purchase anew."""
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
    """Stage: joins the same request under way in this process (single flight)."""

    def __init__(self, first_answer: FirstAnswer, *, patience: float) -> None:
        """`patience`: the most seconds a joined request waits for the answer."""
        self._first_answer = first_answer
        self._patience = patience
        self._under_way: dict[tuple[str, str, str], asyncio.Task[Answer[Any]]] = {}

    async def __call__(self, order: Order, proceed: Next) -> Answer[Any]:
        """Join the request with the same id and input, or pass it on."""
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
        return replace(same.result(), replayed=True)  # nothing stored: raises its error again


def give_again(gives: type[Out], stored: StoredAnswer, purchase: str) -> Answer[Out]:
    """Replay a stored answer: return the same value, or raise the same error."""
    if stored.status >= 400:
        error = read_problem(stored.body)
        error.replayed = True
        raise error
    value = gives.model_validate_json(stored.body)
    return Answer(value, stored.body, replayed=True, purchase=purchase)
