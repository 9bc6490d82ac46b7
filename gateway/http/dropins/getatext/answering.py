"""Carries out the provider's own calls, for the two faces that take them."""

from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import TypeVar

from aiohttp import web
from cachetools import LRUCache
from pydantic import BaseModel
from pydantic_core import to_json

from gateway.core.auth.authentication import Callers
from gateway.core.invocation import repeatable_changes as repeats
from gateway.core.invocation.invoker import Invoker
from gateway.core.model.callers import Caller
from gateway.core.model.errors import GatewayError
from gateway.core.model.rentals import Rental
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.account import GET_BALANCE
from gateway.core.operations.call import Call
from gateway.core.operations.rentals import COMPLETE_RENTAL
from gateway.http.dropins.common import Legacy
from gateway.http.dropins.delivery import Deliveries, request_id
from gateway.http.dropins.getatext import bodies, refusals
from gateway.http.dropins.getatext.calls import ApiCall, Fields
from gateway.http.dropins.getatext.parameters import expect_no_other_wish
from gateway.http.dropins.price_lists import PriceLists
from gateway.http.wire.edge import TRACE_ID
from gateway.http.wire.forms import query_parameters

Value = TypeVar("Value", bound=BaseModel)

CALL = web.RequestKey("getatext_call", ApiCall)
_ACCOUNTS = 10_000
_HEADERS = {"Content-Type": refusals.JSON, "Cache-Control": "no-store"}


class Answering:
    """Translates a call into an operation, and its value into the provider's shape."""

    def __init__(
        self, callers: Callers, invoker: Invoker, purchases: Deliveries, legacy: Legacy
    ) -> None:
        """Take who knows the callers, the one door, and what an operator sets."""
        self._callers = callers
        self._invoker = invoker
        self._purchases = purchases
        self._zone = legacy.zone
        self._harmless = legacy.harmless
        self._prices = PriceLists(invoker, bodies.prices)
        self._balances: LRUCache[str, Decimal] = LRUCache(_ACCOUNTS)

    async def identify(self, key: str | None) -> Caller:
        """Who calls. Raises Unauthorized."""
        if not key:
            raise refusals.KeyMissing
        return await self._callers.identify(key)

    async def answer(
        self, request: web.Request, call: ApiCall, caller: Caller, fields: Fields
    ) -> web.Response:
        """The response to one call."""
        own_id = request_id(request.headers.get("Idempotency-Key", "").strip())
        order = Call(caller, request[TRACE_ID], own_id, redeliverable=own_id is None)
        if call.write is None:
            return web.Response(body=await self._prices.of(order), headers=_HEADERS)
        op, given = call.read(fields)
        if op is COMPLETE_RENTAL:
            done = await repeats.complete(self._invoker, order, given["rental_id"])
            value = await self._with_balance(order, done)
        elif op.effect is Effect.SPEND:
            query = query_parameters(request).values
            expect_no_other_wish(fields, query, call.takes, self._harmless)
            finish = partial(self._with_balance, order)
            value = await self._purchases.buy(request, op, order, given, finish)
        else:
            value = await self._with_balance(order, await self._invoker.invoke(op, order, given))
        body = to_json(call.write(value, self._zone))
        return web.Response(status=call.success, body=body, headers=_HEADERS)

    async def _with_balance(self, order: Call, value: Value) -> Value:
        """A rental with a balance: existing clients count on one.

        Where it comes from our records there is none in it; then as it was told last, or now.
        Without one it is told all the same: it may have been paid for just now.
        """
        if not isinstance(value, Rental):
            return value
        account = order.caller.account.id
        balance = value.balance
        if balance is None:
            balance = self._balances.get(account)
        if balance is None:
            with suppress(Exception):
                balance = (await self._invoker.invoke(GET_BALANCE, order, {})).balance
        if balance is not None:
            self._balances[account] = balance
        return value.model_copy(update={"balance": balance})


def render(request: web.Request, error: GatewayError) -> web.Response:
    """What went wrong, in the provider's shape."""
    call = request.get(CALL)
    return refusals.render(error, call.keys if call else ())
