"""Finds the key in a request. Nothing here knows whether it is a good one."""

from aiohttp import hdrs, web
from multidict import istr

from gateway.core.model.callers import Caller
from gateway.core.model.errors import Unauthorized

_BEARER = "bearer "
_X_API_KEY, _AUTH = istr("X-API-Key"), istr("Auth")  # looked up as they are, as `hdrs` does


def key_of(request: web.Request) -> str | None:
    """The key a request carries: X-API-Key, Auth or Authorization: Bearer.

    Raises Unauthorized where it carries several different keys, be it in headers of one name:
    guessing would spend the wrong account's money.
    """
    headers = request.headers
    values = [*headers.getall(_X_API_KEY, ()), *headers.getall(_AUTH, ())]
    for value in headers.getall(hdrs.AUTHORIZATION, ()):
        if value[: len(_BEARER)].lower() == _BEARER:
            values += (value[len(_BEARER) :],)
    if len(values) == 1:
        return values[0].strip() or None
    found = {value.strip() for value in values}
    found.discard("")
    if len(found) > 1:
        raise Unauthorized("The request carries several different keys.")
    return found.pop() if found else None


CALLER = web.RequestKey("caller", Caller)
