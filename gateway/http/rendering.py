"""Turns values into responses; what is kept is serialised and compressed once."""

import gzip
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import brotli
from aiohttp import web
from cachetools import LRUCache
from multidict import CIMultiDict, CIMultiDictProxy
from pydantic import BaseModel

from gateway.core.answers import Answer
from gateway.core.values import Kept

JSON = "application/json"
_ONCE = CIMultiDictProxy(CIMultiDict({"Content-Type": JSON, "Cache-Control": "no-store"}))
_WORTH_COMPRESSING = 1024
_LAST = 256
# Brotli's highest quality takes 60 ms for a price list, this one 2 ms for nearly the same size.
_COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda body: brotli.compress(body, quality=5),
    "gzip": lambda body: gzip.compress(body, compresslevel=6, mtime=0),
}


def render(
    answer: Answer[Any], status: int, body: bytes | None, location: str | None = None
) -> web.Response:
    """A value, its bytes where they are known, or a purchase's answer again byte for byte."""
    if body is None:
        body = _json(answer.value)
    response = web.Response(status=status, body=body, headers=_ONCE)
    if location is not None:
        response.headers["Location"] = location
    if answer.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


class LastBodies:
    """The bytes of the last values: of a rental that many ask for they are made once."""

    def __init__(self) -> None:
        """Start empty."""
        self._bodies: dict[int, tuple[BaseModel, bytes]] = {}

    def of(self, value: BaseModel) -> bytes:
        """The value's bytes. Values are frozen, and while it is kept here its id is no other's."""
        found = self._bodies.get(id(value))
        if found is not None:
            return found[1]
        if len(self._bodies) >= _LAST:
            del self._bodies[next(iter(self._bodies))]
        body = _json(value)
        self._bodies[id(value)] = value, body
        return body


class KeptBodies:
    """The bytes of kept values, by encoding: made once, however often they are asked for."""

    def __init__(self) -> None:
        """Start empty."""
        self._bodies: LRUCache[int, _KeptBody] = LRUCache(256)

    def render(self, value: Kept, request: web.Request) -> web.Response:
        """The response to one request: 304 where the caller has these bytes already."""
        body = self._bodies.get(id(value))
        if body is None or body.value is not value:
            body = self._bodies[id(value)] = _KeptBody(value)
        return body.response(request)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An answer but for its name in the log; right for as long as the age in its header."""

    body: bytes | None
    headers: CIMultiDictProxy[str]
    age: int


class _KeptBody:
    def __init__(self, value: Kept) -> None:
        self.value = value
        self._plain = _json(value)
        # Weak: the encodings of one body share it.
        self._etag = f'W/"{hashlib.sha256(self._plain).hexdigest()[:20]}"'
        self._fetched_at = value.fetched_at.timestamp()
        self._encoded: dict[str, bytes] = {}
        self._prepared: dict[tuple[str, int], _Prepared] = {}

    def response(self, request: web.Request) -> web.Response:
        headers = request.headers
        known = headers.get("If-None-Match")
        status = 200 if known is None or not _matches(known, self._etag) else 304
        encoding = _encoding(headers.get("Accept-Encoding", ""))
        age = max(0, int(time.time() - self._fetched_at))
        prepared = self._prepared.get((encoding, status))
        if prepared is None or prepared.age != age:
            prepared = self._prepare(encoding, status, age)
            self._prepared[encoding, status] = prepared
        return web.Response(status=status, body=prepared.body, headers=prepared.headers)

    def _prepare(self, encoding: str, status: int, age: int) -> _Prepared:
        headers = CIMultiDict(
            {
                "Cache-Control": "private, no-cache",
                "ETag": self._etag,
                "Vary": "Accept-Encoding",
                "Age": str(age),
            }
        )
        if status == 304:
            return _Prepared(None, CIMultiDictProxy(headers), age)
        headers["Content-Type"] = JSON
        if len(self._plain) < _WORTH_COMPRESSING or not encoding:
            return _Prepared(self._plain, CIMultiDictProxy(headers), age)
        headers["Content-Encoding"] = encoding
        if encoding not in self._encoded:
            self._encoded[encoding] = _COMPRESSORS[encoding](self._plain)
        return _Prepared(self._encoded[encoding], CIMultiDictProxy(headers), age)


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
    opaque = etag.removeprefix("W/")
    return known.strip() == "*" or any(
        one.strip().removeprefix("W/") == opaque for one in known.split(",")
    )
