"""Turns values into responses; what is kept is serialised and compressed once."""

import gzip
import hashlib
import time
from collections.abc import Callable
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import brotli
from aiohttp import hdrs, web
from pydantic import BaseModel

from gateway.core.identity_cache import IdentityCache
from gateway.core.model.values import Cacheable
from gateway.core.operations.call import Answer
from gateway.http.wire.prebuilt import Prebuilt, PrebuiltHead, PrebuiltResponse

JSON = "application/json"
_ONCE = MappingProxyType({"Content-Type": JSON, "Cache-Control": "no-store"})
_READ = PrebuiltHead(200, _ONCE)
_WORTH_COMPRESSING = 1024
_SMALL, _SMALL_KEPT = 2048, 2000
# Brotli's highest quality takes 60 ms for a price list, this one 2 ms for nearly the same size.
_COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda body: brotli.compress(body, quality=5),
    "gzip": lambda body: gzip.compress(body, compresslevel=6, mtime=0),
}


def render(answer: Answer[Any], status: int, location: str | None = None) -> web.Response:
    """A value that is answered once, or a purchase's answer again byte for byte."""
    body = _json(answer.value) if answer.body is None else answer.body
    response = web.Response(status=status, body=body, headers=_ONCE)
    if location is not None:
        response.headers["Location"] = location
    if answer.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


class SmallBodies:
    """The responses to reads whose value is still the same object, as the one door answers them."""

    def __init__(self) -> None:
        """Start empty."""
        self._made: IdentityCache[BaseModel, Prebuilt] = IdentityCache(_SMALL_KEPT)

    def render(self, value: BaseModel) -> PrebuiltResponse:
        """The response with a value."""
        found = self._made.get(value)
        if found is not None:
            return PrebuiltResponse(found)
        body = _json(value)
        made = Prebuilt(_READ, body)
        if len(body) <= _SMALL:
            self._made[value] = made
        return PrebuiltResponse(made)


class KeptBodies:
    """The bytes of kept values, by encoding: made once, however often they are asked for."""

    def __init__(self) -> None:
        """Start empty."""
        self._bodies: IdentityCache[Cacheable, _KeptBody] = IdentityCache(256)

    def render(self, value: Cacheable, request: web.Request) -> PrebuiltResponse:
        """The response to one request: 304 where the caller has these bytes already."""
        body = self._bodies.get(value)
        if body is None:
            body = self._bodies[value] = _KeptBody(value)
        return body.response(request)


class _KeptBody:
    def __init__(self, value: Cacheable) -> None:
        self._plain = _json(value)
        # Weak: the encodings of one body share it.
        self._etag = f'W/"{hashlib.sha256(self._plain).hexdigest()[:20]}"'
        self._fetched_at = value.fetched_at.timestamp()
        self._encoded: dict[str, bytes] = {}
        # Each is right for as long as the age in its header.
        self._made: dict[tuple[str, int], tuple[int, Prebuilt]] = {}

    def response(self, request: web.Request) -> PrebuiltResponse:
        headers = request.headers
        known = headers.get(hdrs.IF_NONE_MATCH)
        status = 304 if known is not None and _matches(known, self._etag) else 200
        encoding = _encoding(headers.get(hdrs.ACCEPT_ENCODING, ""))
        age = max(0, int(time.time() - self._fetched_at))
        made = self._made.get((encoding, status))
        if made is None or made[0] != age:
            made = self._made[encoding, status] = age, self._make(encoding, status, age)
        return PrebuiltResponse(made[1])

    def _make(self, encoding: str, status: int, age: int) -> Prebuilt:
        headers = {
            "Cache-Control": "private, no-cache",
            "ETag": self._etag,
            "Vary": "Accept-Encoding",
            "Age": str(age),
        }
        if status == 304:
            return Prebuilt(PrebuiltHead(status, headers), None)
        headers["Content-Type"] = JSON
        if len(self._plain) < _WORTH_COMPRESSING or not encoding:
            return Prebuilt(PrebuiltHead(status, headers), self._plain)
        headers["Content-Encoding"] = encoding
        if encoding not in self._encoded:
            self._encoded[encoding] = _COMPRESSORS[encoding](self._plain)
        return Prebuilt(PrebuiltHead(status, headers), self._encoded[encoding])


def _json(value: BaseModel) -> bytes:
    return value.__pydantic_serializer__.to_json(value)


@lru_cache(256)
def _encoding(accepted: str) -> str:
    """The best encoding the caller takes, or "" for none."""
    offers: dict[str, str] = {}
    for offer in accepted.lower().split(","):
        name, _, weight = offer.partition(";")
        offers[name.strip()] = weight.replace(" ", "")
    for name in _COMPRESSORS:
        if name in offers and offers[name] not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}:
            return name
    return ""


def _matches(known: str, etag: str) -> bool:
    """If-None-Match by weak comparison (RFC 9110)."""
    if known == etag:
        return True
    opaque = etag.removeprefix("W/")
    return known.strip() == "*" or any(
        one.strip().removeprefix("W/") == opaque for one in known.split(",")
    )
