"""The face at /stubs/handler_api.php: every answer is HTTP 200 with a bare token or JSON."""

import json
from functools import partial

from aiohttp import web
from multidict import CIMultiDict

from gateway.core.auth.authentication import Callers
from gateway.core.invocation.invoker import Invoker
from gateway.core.model.errors import GatewayError
from gateway.core.operations.call import Call
from gateway.core.prices.service_codes import Assortment
from gateway.http.dropins.common import DropInSettings, spellings, tolerate_expect
from gateway.http.dropins.delivery import Deliveries
from gateway.http.dropins.price_lists import PriceLists
from gateway.http.dropins.sms_activate import tokens
from gateway.http.dropins.sms_activate.buying import BuyingActions
from gateway.http.dropins.sms_activate.listings import ListingActions
from gateway.http.dropins.sms_activate.replies import Body
from gateway.http.dropins.sms_activate.request import Action, ActionRequest
from gateway.http.dropins.sms_activate.retries import Retries
from gateway.http.dropins.sms_activate.set_status import SetStatusAction
from gateway.http.dropins.sms_activate.status import StatusActions
from gateway.http.wire.edge import NOTE, TRACE_ID
from gateway.http.wire.forms import is_prefetch, key_in, read_parameters
from gateway.http.wire.prebuilt import Prebuilt, PrebuiltHead, PrebuiltResponse

PATH = "/stubs/handler_api.php"
_TEXT = CIMultiDict({"Content-Type": "text/plain", "Cache-Control": "no-store"})
_JSON = CIMultiDict({"Content-Type": "application/json", "Cache-Control": "no-store"})
_TEXT_HEAD = PrebuiltHead(200, _TEXT)
_METHODS = ("GET", "POST")
_CHANGES = ("setStatus", "getNumber", "getNumberV2")


class SmsActivateFace:
    """Reads the key and the action of a request, and dispatches it to the action's handler."""

    def __init__(
        self, callers: Callers, invoker: Invoker, deliveries: Deliveries, settings: DropInSettings
    ) -> None:
        """`deliveries` makes the purchases and reports answers that could not be delivered."""
        retries = Retries()
        assortments = PriceLists(invoker, partial(Assortment, settings.codes))
        self._callers = callers
        self._actions: dict[str, Action] = {
            **ListingActions(invoker, assortments, any_country=settings.any_country).actions(),
            **StatusActions(invoker, assortments, retries, settings).actions(),
            **SetStatusAction(invoker, assortments, retries).actions(),
            **BuyingActions(invoker, deliveries, assortments, settings).actions(),
        }

    def routes(self) -> list[web.RouteDef]:
        """Every spelling of the path, for every HTTP method."""
        return [
            web.route("*", path, self._handle, expect_handler=tolerate_expect)
            for path in spellings(PATH)
        ]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "HEAD":
            return _respond("")
        if request.method not in _METHODS:
            return _respond(tokens.BAD_ACTION)
        return _respond(await self._answer(request))

    async def _answer(self, request: web.Request) -> Body:
        parameters = await read_parameters(request)
        key = key_in(request, parameters)
        if key is None:
            return tokens.NO_KEY
        name = parameters.get("action") or ""
        action = self._actions.get(name)
        caller = await self._callers.identify(key)
        if action is None or (name in _CHANGES and is_prefetch(request)):
            return tokens.BAD_ACTION
        call = Call(caller, request[TRACE_ID], note=request[NOTE])
        return await action(ActionRequest(request, parameters, caller, call))


def render(error: GatewayError, trace_id: str) -> web.StreamResponse:
    """An error as its token."""
    return _respond(tokens.token_of(error))


def refuse() -> web.Response:
    """The answer to bytes that could not be read as HTTP."""
    return web.Response(body=tokens.BAD_ACTION.encode(), headers=_TEXT.copy())


def _respond(body: Body) -> web.StreamResponse:
    if isinstance(body, str):
        return PrebuiltResponse(Prebuilt(_TEXT_HEAD, body.encode()))
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return web.Response(body=text.encode(errors="replace"), headers=_JSON.copy())
