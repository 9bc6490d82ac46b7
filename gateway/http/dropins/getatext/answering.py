"""Carries out the provider's own calls, for its REST and its GET face."""

from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import TypeVar

from aiohttp import web
from cachetools import LRUCache
from pydantic import BaseModel
from pydantic_core import to_json

from gateway.core.auth.authentication import Callers
from gateway.core.invocation import lenient_changes as lenient
from gateway.core.invocation.invoker import Invoker
from gateway.core.model.callers import Caller
from gateway.core.model.errors import GatewayError
from gateway.core.model.rentals import Rental
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.account import GET_BALANCE
from gateway.core.operations.call import Call
from gateway.core.operations.rentals import COMPLETE_RENTAL
from gateway.http.dropins.common import DropInSettings
from gateway.http.dropins.delivery import Deliveries, request_id
from gateway.http.dropins.getatext import bodies, refusals
from gateway.http.dropins.getatext.calls import ApiCall, Fields
from gateway.http.dropins.getatext.parameters import expect_known_parameters
from gateway.http.dropins.price_lists import PriceLists
from gateway.http.dropins.unknown_parameters import UnknownParameters
from gateway.http.wire.edge import NOTE, TRACE_ID
from gateway.http.wire.forms import query_parameters
from gateway.http.wire.inputs import idempotency_key

Value = TypeVar("Value", bound=BaseModel)

CALL = web.RequestKey("getatext_call", ApiCall)
"""The call a request was routed to, which decides the shape of its refusals."""
_ACCOUNTS = 10_000
_HEADERS = {"Content-Type": refusals.JSON, "Cache-Control": "no-store"}


class Answering:
    """Translates a call into an operation, and the operation's value into the provider's shape."""

    def __init__(
        self,
        callers: Callers,
        invoker: Invoker,
        deliveries: Deliveries,
        settings: DropInSettings,
        unknown: UnknownParameters,
    ) -> None:
        """`deliveries` makes the purchases and reports answers that could not be delivered."""
        self._callers = callers
        self._invoker = invoker
        self._deliveries = deliveries
        self._zone = settings.zone
        self._harmless = settings.harmless
        self._unknown = unknown
        self._prices = PriceLists(invoker, lambda listed, _: bodies.prices(listed))
        self._balances: LRUCache[str, Decimal] = LRUCache(_ACCOUNTS)

    async def identify(self, key: str | None) -> Caller:
        """The caller with this key. Raises Unauthorized, KeyMissing for no key."""
        if not key:
            raise refusals.KeyMissing
        return await self._callers.identify(key)

    async def answer(
        self, request: web.Request, api_call: ApiCall, caller: Caller, fields: Fields
    ) -> web.Response:
        """The response to one call."""
        own_id = request_id((idempotency_key(request) or "").strip())
        call = Call(
            caller,
            request[TRACE_ID],
            own_id,
            redeliverable=own_id is None,
            note=request[NOTE],
        )
        if api_call.write is None:
            return web.Response(body=await self._prices.of(call), headers=_HEADERS)
        op, given = api_call.read(fields)
        if op is COMPLETE_RENTAL:
            done = await lenient.complete(self._invoker, call, given["rental_id"])
            value = await self._with_balance(call, done)
        elif op.effect is Effect.SPEND:
            query = query_parameters(request).values
            expect_known_parameters(
                fields,
                query,
                api_call.takes,
                self._harmless,
                lambda name: self._unknown.refused((name,), call.trace_id),
            )
            finish = partial(self._with_balance, call)
            value = await self._deliveries.buy(request, op, call, given, finish)
        else:
            value = await self._with_balance(call, await self._invoker.invoke(op, call, given))
        body = to_json(api_call.write(value, self._zone))
        return web.Response(status=api_call.success, body=body, headers=_HEADERS)

    async def _with_balance(self, call: Call, value: Value) -> Value:
        """A rental with a balance, which existing clients expect; other values as they are.

        A rental from the ledger has none: the account's last known one is set, or a fresh one.
        Where that cannot be read it stays null: a purchase must not fail for it.
        """
        if not isinstance(value, Rental):
            return value
        account = call.caller.account.id
        balance = value.balance
        if balance is None:
            balance = self._balances.get(account)
        if balance is None:
            with suppress(Exception):
                balance = (await self._invoker.invoke(GET_BALANCE, call, {})).balance
        if balance is not None:
            self._balances[account] = balance
        return value.model_copy(update={"balance": balance})


def render(request: web.Request, error: GatewayError) -> web.Response:
    """An error in the provider's shape."""
    call = request.get(CALL)
    return refusals.render(error, call.keys if call else ())
