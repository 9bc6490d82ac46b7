"""The entry point of the core: validates, authorizes and runs operations for all faces."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

from cachetools import LRUCache
from pydantic import BaseModel

from gateway.core.auth.key_watch import KeyWatch
from gateway.core.codes.subscription import Subscription
from gateway.core.invocation.validation import check_no_key, request_id_of, validate
from gateway.core.model.callers import TEST_ACCOUNT_ID, Caller, Limits
from gateway.core.model.errors import (
    Forbidden,
    GatewayError,
    LongRentalNotFound,
    RentalNotFound,
    Unauthorized,
)
from gateway.core.model.long_rentals import LongRental
from gateway.core.model.provider_errors import UpstreamAuthFailed
from gateway.core.model.purchases import View
from gateway.core.model.rentals import Rental
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.call import Answer, Call, CallNote
from gateway.core.operations.context import Context, Services
from gateway.core.operations.operation import AnyOperation, Operation
from gateway.core.ports.observer import Observer
from gateway.core.purchases.order import Order
from gateway.core.purchases.purchasing import Purchasing
from gateway.core.upstream.account import AccountUpstreams

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)

_CONTEXTS = 200
# Saves an Enum attribute lookup for each call, which is slow.
_READ, _CHANGE = Effect.READ, Effect.CHANGE


class Invoker:
    """Runs operations. Caching, retries, metrics and spending are here and not in the faces."""

    def __init__(
        self,
        upstreams: AccountUpstreams,
        services: Services,
        purchasing: Purchasing,
        observer: Observer,
        watch: KeyWatch,
    ) -> None:
        """`watch` ends what waits with a key once that has ended."""
        self._watch = watch
        self._upstreams = upstreams
        self._services = services
        self._repository = services.repository
        self._purchasing = purchasing
        self._observer = observer
        self._running: set[asyncio.Task[Any]] = set()
        self._contexts: LRUCache[str, Context] = LRUCache(_CONTEXTS)

    async def invoke(self, op: Operation[In, Out], call: Call, given: Mapping[str, Any]) -> Out:
        """Run one operation and return only the value of its answer."""
        return (await self.answer(op, call, given)).value

    async def answer(
        self, op: Operation[In, Out], call: Call, given: Mapping[str, Any] | In
    ) -> Answer[Out]:
        """Run one operation on raw inputs, or on those returned by `validate`.

        Raises GatewayError; any other exception is a bug in the gateway.
        """
        work = self._counted(op, call, given)
        if op.waits is not None:
            with self._watch.holding(call.caller):
                return await work
        return await (work if op.effect is _READ else self._to_the_end(work))

    def at_once(
        self, op: Operation[In, Out], caller: Caller, asked: In
    ) -> Callable[[], Out | None] | None:
        """How to read again what `answer` has given this caller, where that needs no wait.

        The callable gives None where only `answer` can tell; it is None where that is always so.
        """
        read, context = op.at_once, self.context(caller)
        if read is None or (op.subject is not None and not caller.sees_account):
            return None

        def again() -> Out | None:
            value = read(context, asked)
            if value is not None and caller.account.id != TEST_ACCOUNT_ID:
                self._observer.operation_ended(op.name, "ok")
            return value

        return again

    async def _counted(
        self, op: Operation[In, Out], call: Call, given: Mapping[str, Any] | In
    ) -> Answer[Out]:
        outcome, asked, answer = "internal_error", None, None
        try:
            if call.over_mcp:
                call = await self._renewed(call)
            check_effect(call.caller.limits, op)
            asked = given if isinstance(given, BaseModel) else validate(op.takes, given)
            answer = await self._run(op, call, asked)
            outcome = "ok"
        except GatewayError as error:
            outcome = error.code
            raise
        finally:
            if call.caller.account.id != TEST_ACCOUNT_ID:
                self._observer.operation_ended(op.name, outcome)
            if call.note is not None:
                _note(call.note, op, call.caller, asked, answer)
        return answer

    def context(self, caller: Caller) -> Context:
        """The caller's context, cached while the caller and its limits are unchanged."""
        context = self._contexts.get(caller.id)
        if context is None or not (context.caller is caller or context.caller == caller):
            view = View(caller.account.id, None if caller.sees_account else caller.id)
            upstream = self._upstreams.of(caller.account)
            context = self._contexts[caller.id] = Context(caller, view, upstream, self._services)
        return context

    def subscription(self, caller: Caller) -> Subscription:
        """The subscription of a client of the event stream; inactive until its `start`."""
        context, services = self.context(caller), self._services
        return Subscription(
            services.ledger, services.price_cache, services.poller, context.upstream, context.view
        )

    async def owner(self, webhook_id: str, token: str) -> Caller:
        """The owner of a webhook, for its delete token. Raises Unauthorized."""
        return await self._services.owner_of(await self._services.webhooks.owner(webhook_id, token))

    async def undelivered(self, purchase: str) -> None:
        """Report that the answer of a purchase, given by ledger_id, did not reach its caller."""
        await self._purchasing.undelivered(purchase)

    def delivered(self, purchase: str) -> None:
        """Report that the answer of a redeliverable purchase was handed over."""
        self._purchasing.delivered(purchase)

    async def close(self) -> None:
        """Wait for all changes and purchases, and write down which answers were handed over."""
        await self.drain()
        await self._purchasing.close()

    async def drain(self) -> None:
        """Wait for all changes and purchases under way."""
        while self._running:
            await asyncio.wait(self._running)

    async def _run(self, op: Operation[In, Out], call: Call, asked: In) -> Answer[Out]:
        caller = call.caller
        context = self.context(caller)
        try:
            await self._check_subject(op, context, asked)
            if op.effect is _READ:
                return Answer(await op.run(context, asked))
            if op.effect is _CHANGE:
                return await self._change(op, context, call, asked)
            return await self._buy(op, context, call, asked)
        except UpstreamAuthFailed as refusal:
            if not caller.pass_through:
                raise
            raise Unauthorized(
                "The provider does not accept this key.", upstream=refusal.upstream
            ) from refusal

    async def _renewed(self, call: Call) -> Call:
        """The call by the limits of now: a person may have taken minutes to confirm it."""
        if call.caller.hashed is None:
            return call
        return replace(call, caller=await self._services.owner_of(call.caller.id))

    async def _check_subject(self, op: Operation[In, Out], context: Context, asked: In) -> None:
        """Raise RentalNotFound or LongRentalNotFound for a rental the caller may not see."""
        if op.subject is None or context.caller.sees_account:
            return
        if not await self._repository.shows(context.view, op.kind, getattr(asked, op.subject)):
            raise RentalNotFound if op.kind == "rental" else LongRentalNotFound

    async def _change(
        self, op: Operation[In, Out], context: Context, call: Call, asked: In
    ) -> Answer[Out]:
        if op.pays_later is not None and op.pays_later(asked):
            await self._purchasing.check(await self._order(op, context, call, asked))
        return Answer(await self._recorded(context, await op.run(context, asked)))

    async def repeated(
        self, op: Operation[In, Out], call: Call, given: Mapping[str, Any]
    ) -> Answer[Out] | None:
        """The stored answer of a repeated purchase; None where the request is the first.

        Nothing is bought. Raises what `answer` would raise for the repeated request.
        """
        asked = validate(op.takes, given)
        return await self._purchasing.repeated(
            await self._order(op, self.context(call.caller), call, asked)
        )

    async def resolved(self, op: AnyOperation, call: Call, asked: In) -> In:
        """The validated input of a rent with the code of the service that is meant.

        The input of any other purchase as it is. Raises ServiceNotFound.
        """
        if op.subject is not None:
            return asked
        order = await self._order(op, self.context(call.caller), call, asked)
        return cast(In, (await order.resolved()).asked)

    async def check(self, op: Operation[In, Out], call: Call, given: Mapping[str, Any]) -> None:
        """Raise what would refuse a purchase now, before a person is asked about it."""
        check_effect(call.caller.limits, op)
        context, asked = self.context(call.caller), validate(op.takes, given)
        await self._check_subject(op, context, asked)
        await self._purchasing.check(await self._order(op, context, call, asked))

    async def _buy(
        self, op: Operation[In, Out], context: Context, call: Call, asked: In
    ) -> Answer[Out]:
        return await self._purchasing.buy(await self._order(op, context, call, asked))

    async def _order(
        self, op: Operation[In, Out], context: Context, call: Call, asked: In
    ) -> Order:
        subject = None
        if op.subject is not None:
            about = getattr(asked, op.subject)
            subject = await self._repository.find(context.view, op.kind, about)
        request_id = request_id_of(call, asked)
        check_no_key({**dict(asked), "request_id": request_id}, context.caller)
        return Order(
            op=op,
            context=context,
            asked=asked,
            trace_id=call.trace_id,
            request_id=request_id,
            redeliverable=call.redeliverable,
            at_most=call.at_most,
            subject=subject,
            begun=call.begun,
            over_mcp=call.over_mcp,
            allow_duplicate=call.allow_duplicate,
        )

    async def _recorded(self, context: Context, value: Out) -> Out:
        """Record what the provider said of a rental and return it merged.

        Unchanged is what is not of its words: with a ledger_id it comes from our own records.
        """
        if isinstance(value, Rental) and value.ledger_id is not None:
            return value
        if isinstance(value, Rental | LongRental):
            return cast(Out, await self._repository.record(context.caller.account.id, value))
        return value

    async def _to_the_end(self, work: Coroutine[Any, Any, Answer[Out]]) -> Answer[Out]:
        """Run in a separate task, so that a client disconnect cancels no change or purchase."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as retrieved: nobody awaits it after a disconnect


def _note(
    note: CallNote, op: AnyOperation, caller: Caller, asked: Any, answer: Answer[Any] | None
) -> None:
    """Note the operation, unless the request ran a weightier one, such as a purchase."""
    effect = op.effect
    weight = 0 if effect is _READ else 2 if effect is _CHANGE else 4
    if op.subject is not None:
        weight += 1
    if weight <= note.weight:
        return
    note.caller, note.operation, note.weight = caller, op.name, weight
    about = getattr(asked, op.subject, None) if op.subject is not None else None
    if weight >= 4 and answer is not None:  # what was bought
        about = answer.value.id
    if isinstance(about, int):
        note.about = {f"{op.kind}_id": about}


def check_effect(limits: Limits | None, op: AnyOperation) -> None:
    """Raise Forbidden where a read-only key calls an operation with side effects."""
    if limits is not None and limits.read_only and op.effect is not Effect.READ:
        raise Forbidden(f"This key is read-only; {op.name} changes something.")
