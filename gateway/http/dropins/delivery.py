"""Purchases on faces whose callers send no request ids: an undelivered answer is not lost."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel

from gateway.core.invocation.invoker import Invoker
from gateway.core.model.values import is_request_id
from gateway.core.operations.call import Answer, Call
from gateway.core.operations.operation import Operation
from gateway.http.wire.edge import disconnected

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)
Reply = TypeVar("Reply")

_AS_IT_IS = 64


@dataclass(eq=False, slots=True)
class _Delivery:
    """A purchase under way for one request.

    `purchase` is its ledger entry, once that is written. `hung_up`: its client has closed the
    connection; `report` is the task that records so. `settled` is set once the answer was
    delivered, or recorded as undelivered.
    """

    request: web.Request
    purchase: str | None = None
    hung_up: bool = False
    report: asyncio.Task[None] | None = None
    answer: Answer[Any] | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)


class Deliveries:
    """Makes purchases, and reports as undelivered those whose client hung up before the answer.

    The invoker redelivers such a purchase to the same caller's next identical request. A request
    that repeats one whose client is gone while that purchase still runs waits for it first.
    """

    def __init__(self, invoker: Invoker) -> None:
        """`invoker` carries the purchases out."""
        self._invoker = invoker
        self._running: dict[str, set[_Delivery]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def buy(
        self,
        request: web.Request,
        op: Operation[In, Out],
        call: Call,
        given: Mapping[str, Any],
        finish: Callable[[Out], Awaitable[Reply]],
    ) -> Reply:
        """The reply to a request for a purchase, made by `finish` of what was bought.

        Where `finish` fails, or the client hangs up meanwhile, the purchase counts as undelivered.
        The purchase itself always runs to its end.
        """
        if not call.redeliverable:
            return await finish((await self._invoker.answer(op, call, given)).value)
        key = json.dumps([call.caller.id, op.name, given], sort_keys=True, default=str)
        await self._wait_for_abandoned(key)
        delivery = _Delivery(request)

        async def run() -> Reply:
            delivery.answer = await self._invoker.answer(
                op, replace(call, begun=partial(self._begun, delivery)), given
            )
            return await finish(delivery.answer.value)

        task = asyncio.create_task(run())
        self._running.setdefault(key, set()).add(delivery)
        closing = asyncio.create_task(self._close(key, delivery, task))
        self._tasks.add(closing)
        closing.add_done_callback(self._tasks.discard)
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:  # the client has hung up; the purchase goes on
            delivery.hung_up = True
            self._report(delivery)
            raise
        return task.result()

    def _begun(self, delivery: _Delivery, purchase: str) -> None:
        delivery.purchase = purchase
        if delivery.hung_up:
            self._report(delivery)

    def _report(self, delivery: _Delivery) -> None:
        """Record once that the client is gone, so that other nodes can redeliver, too.

        A second report could follow a redelivery, and have the purchase delivered twice.
        """
        if delivery.purchase is None or delivery.report is not None:
            return
        delivery.report = asyncio.create_task(self._invoker.undelivered(delivery.purchase))
        self._tasks.add(delivery.report)
        delivery.report.add_done_callback(self._reported)

    def _reported(self, report: "asyncio.Task[None]") -> None:
        self._tasks.discard(report)
        if not report.cancelled():
            report.exception()  # marks it as retrieved; `_give_up` tries a failed report again

    async def _wait_for_abandoned(self, key: str) -> None:
        """Wait for identical purchases whose clients are gone: their results can be redelivered."""
        for delivery in list(self._running.get(key, ())):
            if disconnected(delivery.request):
                await delivery.settled.wait()

    async def _close(self, key: str, delivery: _Delivery, task: asyncio.Task[Any]) -> None:
        try:
            await asyncio.wait([task])
            failed = task.cancelled() or task.exception() is not None
            if delivery.answer is not None and (failed or disconnected(delivery.request)):
                await self._give_up(delivery)
            elif delivery.answer is not None and delivery.answer.purchase is not None:
                self._invoker.delivered(delivery.answer.purchase)
        finally:
            delivery.settled.set()
            running = self._running[key]
            running.discard(delivery)
            if not running:
                del self._running[key]

    async def _give_up(self, delivery: _Delivery) -> None:
        if delivery.answer is None or delivery.answer.purchase is None:
            return
        delivery.purchase = delivery.answer.purchase
        self._report(delivery)
        assert delivery.report is not None  # noqa: S101 - for the type checker
        await asyncio.wait([delivery.report])
        if delivery.report.exception() is not None:  # the ledger may be available again
            await self._invoker.undelivered(delivery.purchase)


def request_id(raw: str | None) -> str | None:
    """A caller's own purchase id, of any length, as a valid request id.

    An invalid one becomes its SHA-256; one of more than 64 characters too, as it always did, so
    that it is known again after an upgrade.
    """
    if not raw or (len(raw) <= _AS_IT_IS and is_request_id(raw)):
        return raw or None
    return hashlib.sha256(raw.encode(errors="replace")).hexdigest()
