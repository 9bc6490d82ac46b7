"""Reads the API key from a request's headers; whether the key is valid is checked elsewhere."""

from aiohttp import hdrs, web
from multidict import istr

from gateway.core.model.callers import Caller
from gateway.core.model.errors import Unauthorized

CALLER = web.RequestKey("caller", Caller)
"""The authenticated caller, set by the guard before a handler under /v1 runs."""

_BEARER = "bearer "
# `istr` saves multidict the case folding of each look-up, as the constants of `hdrs` do.
_X_API_KEY, _AUTH = istr("X-API-Key"), istr("Auth")


def key_of(request: web.Request, *more: str) -> str | None:
    """The key from X-API-Key, Auth or Authorization: Bearer, or None; also from the headers `more`.

    Raises Unauthorized for several different keys, also within repeated headers of one name:
    picking one of them could spend the wrong account's money.
    """
    headers = request.headers
    values = [*headers.getall(_X_API_KEY, ()), *headers.getall(_AUTH, ())]
    for value in headers.getall(hdrs.AUTHORIZATION, ()):
        if value[: len(_BEARER)].lower() == _BEARER:
            values += (value[len(_BEARER) :],)
    for name in more:
        values += headers.getall(name, ())
    if len(values) == 1:
        return values[0].strip() or None
    found = {value.strip() for value in values}
    found.discard("")
    if len(found) > 1:
        raise Unauthorized("The request carries several different keys.")
    return found.pop() if found else None
