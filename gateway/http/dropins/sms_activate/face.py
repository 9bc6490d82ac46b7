"""The face at /stubs/handler_api.php and its dialects: a bare token or JSON for every action."""

import json
from collections.abc import Callable
from functools import lru_cache, partial

from aiohttp import web
from multidict import CIMultiDict, istr

from gateway.core.auth.authentication import Callers
from gateway.core.invocation.invoker import Invoker
from gateway.core.model.callers import Caller
from gateway.core.model.errors import GatewayError
from gateway.core.operations.call import Call
from gateway.core.prices.service_codes import Assortment
from gateway.http.dropins.common import DropInSettings, spellings, tolerate_expect
from gateway.http.dropins.delivery import Deliveries
from gateway.http.dropins.price_lists import PriceLists
from gateway.http.dropins.sms_activate import tokens
from gateway.http.dropins.sms_activate.buying import BuyingActions
from gateway.http.dropins.sms_activate.listings import ListingActions, countries
from gateway.http.dropins.sms_activate.manner import (
    DIALECTS,
    MANNER,
    PURCHASES,
    TOLD_BY_STATUS,
    Manner,
    manner_of,
    manner_of_query,
)
from gateway.http.dropins.sms_activate.purchases import Purchases
from gateway.http.dropins.sms_activate.renting_again import RentingAgainActions
from gateway.http.dropins.sms_activate.replies import Body
from gateway.http.dropins.sms_activate.request import Action, ActionRequest
from gateway.http.dropins.sms_activate.retries import Retries
from gateway.http.dropins.sms_activate.set_status import SetStatusAction
from gateway.http.dropins.sms_activate.status import StatusActions
from gateway.http.dropins.sms_activate.unavailable import UnavailableActions
from gateway.http.dropins.unknown_parameters import UnknownParameters
from gateway.http.wire.edge import NOTE, TRACE_ID
from gateway.http.wire.forms import is_prefetch, key_in, read_parameters
from gateway.http.wire.known_reads import REPEAT, Repeat
from gateway.http.wire.prebuilt import Prebuilt, PrebuiltHead, PrebuiltResponse

_TEXT = CIMultiDict({"Content-Type": "text/plain", "Cache-Control": "no-store"})
_JSON = CIMultiDict({"Content-Type": "application/json", "Cache-Control": "no-store"})
_TEXT_HEADS = {status: PrebuiltHead(status, _TEXT) for status in (200, 400)}
_METHODS = ("GET", "POST")
_CHANGES = (*PURCHASES, "setstatus", *TOLD_BY_STATUS)
_WITHOUT_KEY = "getcountries"
_API_KEY = istr("X-ApiKey")  # as DaisySMS has it
_DONE = ("ACCESS_ACTIVATION", "ACCESS_CANCEL")


class SmsActivateFace:
    """Reads the key and the action of a request, and dispatches it to the action's handler."""

    def __init__(
        self,
        callers: Callers,
        invoker: Invoker,
        deliveries: Deliveries,
        settings: DropInSettings,
        unknown: UnknownParameters,
    ) -> None:
        """`deliveries` makes the purchases and reports answers that could not be delivered."""
        retries = Retries()
        assortments = PriceLists(invoker, partial(Assortment, settings.codes))
        purchases = Purchases(invoker, deliveries, assortments, settings, unknown)
        self._callers = callers
        actions: dict[str, Action] = {
            **ListingActions(invoker, assortments, any_country=settings.any_country).actions(),
            **StatusActions(invoker, assortments, retries, settings).actions(),
            **SetStatusAction(invoker, assortments, retries).actions(),
            **BuyingActions(purchases, assortments, settings).actions(),
            **RentingAgainActions(purchases, assortments).actions(),
            **UnavailableActions(assortments).actions(),
        }
        self._actions = {name.lower(): action for name, action in actions.items()}

    def routes(self) -> list[web.RouteDef]:
        """Every spelling of every dialect's path, for every HTTP method."""
        return [
            web.route("*", spelt, self._handle, expect_handler=tolerate_expect)
            for path in DIALECTS
            for spelt in spellings(path)
        ]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "HEAD":
            return _respond(request, "")
        if request.method not in _METHODS:
            return _respond(request, tokens.BAD_ACTION)
        headers: dict[str, str] = {}
        response = _respond(request, await self._answer(request, headers))
        response.headers.update(headers)
        return response

    async def _answer(self, request: web.Request, headers: dict[str, str]) -> Body:
        parameters = await read_parameters(request)
        name = (parameters.get("action") or "").lower()
        manner = request[MANNER] = manner_of(request, name, parameters)
        key = key_in(request, parameters, _API_KEY)
        if key is None:
            return countries() if name == _WITHOUT_KEY else tokens.NO_KEY
        action = self._actions.get(name)
        caller = await self._callers.identify(key)
        if action is None or (name in _CHANGES and is_prefetch(request)):
            return tokens.BAD_ACTION
        call = Call(caller, request[TRACE_ID], note=request[NOTE])
        asked = ActionRequest(request, parameters, manner.dialect, caller, call, headers)
        body = await action(asked)
        if asked.again is not None:
            request[REPEAT] = self._repeat(key, caller, manner, asked.again)
        return body

    def _repeat(
        self, key: str, caller: Caller, manner: Manner, again: Callable[[], Body | None]
    ) -> Repeat:
        def at_once() -> Prebuilt | None:
            if self._callers.recall(key) is not caller:
                return None
            body = again()
            return _token(manner, body) if isinstance(body, str) else None

        return Repeat(self._handle, at_once)


def render(request: web.Request, error: GatewayError) -> web.StreamResponse:
    """An error as its token."""
    return _respond(request, tokens.token_of(error))


def refuse(target: str) -> web.Response:
    """The answer to bytes that could not be read as HTTP; `target` is what was asked for."""
    status = 400 if any(name in target.lower() for name in TOLD_BY_STATUS) else 200
    return web.Response(status=status, body=tokens.BAD_ACTION.encode(), headers=_TEXT.copy())


def _respond(request: web.Request, body: Body) -> web.StreamResponse:
    manner = request.get(MANNER) or manner_of_query(request)
    if isinstance(body, str):
        return PrebuiltResponse(_token(manner, body))
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return web.Response(body=text.encode(errors="replace"), headers=_JSON.copy())


def _token(manner: Manner, token: str) -> Prebuilt:
    status = 400 if manner.by_status and token not in _DONE else 200
    return _text(status, manner.dialect.word(manner.purpose, token))


@lru_cache(256)
def _text(status: int, word: str) -> Prebuilt:
    return Prebuilt(_TEXT_HEADS[status], word.encode())
