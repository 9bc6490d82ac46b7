"""Getatext's own GET form at /stubs/handler_api: its calls, with everything in the query."""

from typing import Any

from aiohttp import web

from gateway.core.errors import InvalidRequest
from gateway.http.getatext_calls import RENT, STUBS, ApiCall
from gateway.http.getatext_desk import CALL, GetatextDesk
from gateway.http.legacy import tolerate_expect
from gateway.http.parameters import Parameters, is_prefetch, key_in, read_parameters

PATH = "/stubs/handler_api"
_CHANGING = ("getNumber", "cancelRental")


class HandlerApiFace:
    """One address; the action says which call."""

    def __init__(self, desk: GetatextDesk) -> None:
        """Take who carries the calls out."""
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        """With and without a slash at the end; never HEAD."""
        paths = (PATH, f"{PATH}/")
        more: dict[str, Any] = {"expect_handler": tolerate_expect}
        return [
            *(web.get(path, self._handle, allow_head=False, **more) for path in paths),
            *(web.post(path, self._handle, **more) for path in paths),
        ]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        parameters = await read_parameters(request)
        action = parameters.get("action") or ""
        call = STUBS.get(action)
        if call is not None:
            request[CALL] = call
        caller = await self._desk.identify(key_in(request, parameters))
        if call is None:
            raise InvalidRequest(f"action: must be one of {', '.join(STUBS)}.")
        if action in _CHANGING:
            _expect_meant(request, parameters, call)
        fields = {**parameters.values, "id": parameters.get("rental_id") or parameters.get("id")}
        return await self._desk.answer(request, call, caller, fields)


def _expect_meant(request: web.Request, parameters: Parameters, call: ApiCall) -> None:
    """Raises unless it is sure that somebody wants just this, now."""
    if is_prefetch(request):
        raise InvalidRequest("A prefetch changes nothing.")
    if parameters.repeated and call is RENT:
        raise InvalidRequest("A parameter is given more than once.")
