"""Finds the key in a request. Nothing here knows whether it is a good one."""

from aiohttp import web

from gateway.core.errors import Unauthorized

_BEARER = "bearer "


def key_of(request: web.Request) -> str | None:
    """The key a request carries: X-API-Key, Auth or Authorization: Bearer.

    Raises Unauthorized where it carries several different keys, be it in headers of one name:
    guessing would spend the wrong account's money.
    """
    headers = request.headers
    values = [*headers.getall("X-API-Key", ()), *headers.getall("Auth", ())]
    for value in headers.getall("Authorization", ()):
        if value[: len(_BEARER)].lower() == _BEARER:
            values += (value[len(_BEARER) :],)
    if len(values) == 1:
        return values[0].strip() or None
    found = {value.strip() for value in values}
    found.discard("")
    if len(found) > 1:
        raise Unauthorized("The request carries several different keys.")
    return found.pop() if found else None
