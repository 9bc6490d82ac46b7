"""Purchases on faces whose callers send no request ids: an answer nobody took is not lost."""

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
Told = TypeVar("Told")


@dataclass(eq=False, slots=True)
class _Order:
    """A purchase under way, by its name in the ledger once that is written down.

    `left`: the asker has hung up, which `noting` writes down. `settled` once its answer was
    taken, or its loss written down.
    """

    request: web.Request
    purchase: str | None = None
    left: bool = False
    noting: asyncio.Task[None] | None = None
    answer: Answer[Any] | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)


class Deliveries:
    """Buys for requests, and notices when the one who asked is gone before the answer came.

    Then the purchase is reported as undelivered, and the one door hands it to the same caller
    asking the same again. One that asks again while the first purchase still runs waits for it.
    """

    def __init__(self, invoker: Invoker) -> None:
        """Take the one door."""
        self._invoker = invoker
        self._orders: dict[str, set[_Order]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def buy(
        self,
        request: web.Request,
        op: Operation[In, Out],
        call: Call,
        given: Mapping[str, Any],
        finish: Callable[[Out], Awaitable[Told]],
    ) -> Told:
        """What the caller is told of a purchase made for a request.

        `finish` makes it of what was bought. Where that fails, or the caller leaves meanwhile, it
        was not told: then too the purchase is kept for it.
        """
        if not call.redeliverable:
            return await finish((await self._invoker.answer(op, call, given)).value)
        same = json.dumps([call.caller.id, op.name, given], sort_keys=True, default=str)
        await self._abandoned_ones(same)
        order = _Order(request)

        async def make() -> Told:
            order.answer = await self._invoker.answer(
                op, replace(call, begun=partial(self._begun, order)), given
            )
            return await finish(order.answer.value)

        task = asyncio.create_task(make())
        self._orders.setdefault(same, set()).add(order)
        closing = asyncio.create_task(self._close(same, order, task))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:  # the asker has hung up, and the purchase goes on
            order.left = True
            self._note(order)
            raise
        return task.result()

    def _begun(self, order: _Order, purchase: str) -> None:
        order.purchase = purchase
        if order.left:
            self._note(order)

    def _note(self, order: _Order) -> None:
        """Write down, once, that nobody waits for it: who asks on another node must know.

        A second time could be after it was handed to somebody, who would then not be the last.
        """
        if order.purchase is None or order.noting is not None:
            return
        order.noting = asyncio.create_task(self._invoker.undelivered(order.purchase))
        self._closing.add(order.noting)
        order.noting.add_done_callback(self._noted)

    def _noted(self, noting: "asyncio.Task[None]") -> None:
        self._closing.discard(noting)
        if not noting.cancelled():
            noting.exception()  # a ledger that is away has told it; the end is tried again

    async def _abandoned_ones(self, same: str) -> None:
        """Wait for the same purchases whose askers have left: what they bought is to be had."""
        for order in list(self._orders.get(same, ())):
            if disconnected(order.request):
                await order.settled.wait()

    async def _close(self, same: str, order: _Order, task: asyncio.Task[Any]) -> None:
        try:
            await asyncio.wait([task])
            failed = task.cancelled() or task.exception() is not None
            if order.answer is not None and (failed or disconnected(order.request)):
                await self._give_up(order)
        finally:
            order.settled.set()
            orders = self._orders[same]
            orders.discard(order)
            if not orders:
                del self._orders[same]

    async def _give_up(self, order: _Order) -> None:
        if order.answer is None or order.answer.purchase is None:
            return
        order.purchase = order.answer.purchase
        self._note(order)
        assert order.noting is not None  # noqa: S101 - for the type checker
        await asyncio.wait([order.noting])
        if order.noting.exception() is not None:  # a ledger that was away may be back
            await self._invoker.undelivered(order.purchase)


def request_id(raw: str | None) -> str | None:
    """A caller's own name of a purchase as the one door takes it; an odd one by its hash."""
    if not raw or is_request_id(raw):
        return raw or None
    return hashlib.sha256(raw.encode(errors="replace")).hexdigest()
