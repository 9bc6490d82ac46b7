"""Reads an operation's inputs from the path and the query or JSON body of a request."""

import asyncio
import codecs
from typing import Any

from aiohttp import web
from pydantic_core import from_json

from gateway.core.invocation.validation import check_names, expect_once
from gateway.core.model.errors import InvalidRequest
from gateway.core.model.http_errors import RequestTimeout, UnsupportedMediaType
from gateway.core.operations.operation import AnyOperation

BYTE_ORDER_MARK = codecs.BOM_UTF8
MAX_BODY = 64 * 1024
BODY_SECONDS = 10.0
TOKEN = "token"  # noqa: S105 - a name
"""In the query of a DELETE: what stands for a key there, and is no input."""
_LONGEST_TYPE = 200


async def read_inputs(op: AnyOperation, request: web.Request) -> dict[str, Any]:
    """The inputs by name, not validated yet.

    Raises InvalidRequest, UnsupportedMediaType or RequestTimeout for how they were sent.
    """
    if op.rest.method == "GET":
        given = _query(request)
    elif op.rest.method == "DELETE":
        given = _query(request)
        given.pop(TOKEN, None)
    else:
        if request.query_string:
            raise InvalidRequest("query: this operation takes its inputs in the JSON body.")
        given = await _body(request)
    for name in op.rest.path_fields:
        in_path = request.match_info[name]
        if given.get(name) in (None, ""):
            given[name] = in_path
        if str(given[name]) != in_path:
            raise InvalidRequest(f"{name}: the path and the other inputs differ.")
    return given


def _query(request: web.Request) -> dict[str, Any]:
    if not request.query_string:
        return {}
    pairs = request.query
    given = dict(pairs)
    if len(given) != len(pairs):
        expect_once(list(pairs.items()))
    return given


async def _body(request: web.Request) -> dict[str, Any]:
    raw = (await read_body(request)).removeprefix(BYTE_ORDER_MARK)
    if not raw.strip():
        return {}
    if not _is_json(media_type(request)):
        raise UnsupportedMediaType
    body = read_json(raw)
    if not isinstance(body, dict):
        raise InvalidRequest("body: must be a JSON object.")
    return body


def read_json(raw: bytes) -> Any:
    """The value of a JSON body. Raises InvalidRequest for invalid JSON, or a name given twice.

    Of two equal names in an object one parser takes the first and another the last. The fast parser
    here does not report them; it has checked depth and encoding when the second one runs.
    """
    try:
        value = from_json(raw, allow_inf_nan=False)
    except ValueError:
        raise InvalidRequest("body: is not valid JSON.") from None
    check_names(raw.decode())
    return value


async def read_body(request: web.Request) -> bytes:
    """The body's bytes, b"" for none.

    Raises UnsupportedMediaType for a compressed body, RequestTimeout, or InvalidRequest.
    """
    if not request.body_exists:
        return b""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("The body must not be compressed.")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise RequestTimeout from None
    except web.RequestPayloadError:
        raise InvalidRequest("body: could not be read as HTTP.") from None


def idempotency_key(request: web.Request) -> str | None:
    """The header Idempotency-Key.

    Raises InvalidRequest where it is there twice: which one names the purchase cannot be told.
    """
    given, *more = request.headers.getall("Idempotency-Key", (None,))
    if more:
        raise InvalidRequest("Idempotency-Key: is given more than once.")
    return given


def media_type(request: web.Request) -> str:
    """The media type in Content-Type. Raises UnsupportedMediaType where it is unreadable.

    aiohttp parses this header in quadratic time: 8 kB of it would block the loop for seconds.
    """
    if len(request.headers.get("Content-Type", "")) > _LONGEST_TYPE:
        raise UnsupportedMediaType("The header Content-Type is too long.")
    try:
        return request.content_type
    except RecursionError:
        raise UnsupportedMediaType("The header Content-Type could not be read.") from None


def _is_json(content_type: str) -> bool:
    return content_type == "application/json" or content_type.endswith("+json")
