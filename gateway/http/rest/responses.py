"""Turns values into responses; cached values are serialised and compressed once."""

import time
from collections.abc import Callable
from types import MappingProxyType
from typing import Any
from weakref import ref

from aiohttp import web
from pydantic import BaseModel

from gateway.core.identity_cache import IdentityCache
from gateway.core.model.values import Cacheable
from gateway.core.operations.call import Answer
from gateway.http.wire.cacheable import CacheableBody, Wanted
from gateway.http.wire.prebuilt import Prebuilt, PrebuiltHead

JSON = "application/json"
_HEADERS = MappingProxyType({"Content-Type": JSON, "Cache-Control": "no-store"})
_HEAD = PrebuiltHead(200, _HEADERS)
_SMALL_BODY, _MOST_SMALL = 2048, 2000
_MOST_CACHEABLE = 256


def render(answer: Answer[Any], status: int, location: str | None = None) -> web.Response:
    """The response to a change or purchase; a replay has the first body byte for byte."""
    body = _json(answer.value) if answer.body is None else answer.body
    response = web.Response(status=status, body=body, headers=_HEADERS)
    if location is not None:
        response.headers["Location"] = location
    if answer.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


class SmallResponses:
    """Caches the responses of reads by their value's identity.

    The invoker returns the same object while nothing has changed, so that a poll saves the
    serialisation of its body.
    """

    def __init__(self) -> None:
        """Bodies above 2 kB are not cached."""
        self._prebuilt: IdentityCache[BaseModel, Prebuilt] = IdentityCache(_MOST_SMALL)

    def render(self, value: BaseModel) -> Prebuilt:
        """The response with a value."""
        prebuilt = self._prebuilt.get(value)
        if prebuilt is None:
            prebuilt, small = _prebuilt(value)
            if small:
                self._prebuilt[value] = prebuilt
        return prebuilt


class CacheableResponses:
    """Caches the bodies of `Cacheable` values by encoding: each is compressed once per value."""

    def __init__(self) -> None:
        """A value's bodies are dropped with the least recently used value."""
        self._values: IdentityCache[Cacheable, CacheableValue] = IdentityCache(_MOST_CACHEABLE)

    def render(self, value: Cacheable, wanted: Wanted) -> Prebuilt:
        """The response to one request: 304 where its If-None-Match names this body."""
        return self.bodies(value).prebuilt(wanted)

    def bodies(self, value: Cacheable) -> "CacheableValue":
        """The bodies of a value."""
        kept = self._values.get(value)
        if kept is None:
            kept = self._values[value] = CacheableValue(value)
        return kept


class Repeated:
    """Renders the values of requests with the same head: mostly the value of the last one."""

    def __init__(self, cacheable: CacheableResponses, wanted: Wanted) -> None:
        """Of a `Cacheable` value, or one with a large body, nothing is kept here."""
        self._cacheable = cacheable
        self._wanted = wanted
        self._bodies: Callable[[], CacheableValue | None] = _nothing
        self._last: tuple[BaseModel | None, Prebuilt | None] = None, None

    def render(self, value: BaseModel) -> Prebuilt:
        """The response with a value."""
        if isinstance(value, Cacheable):
            bodies = self._bodies()
            if bodies is None or bodies.value is not value:
                bodies = self._cacheable.bodies(value)
                self._bodies = ref(bodies)
            return bodies.prebuilt(self._wanted)
        last, prebuilt = self._last
        if prebuilt is None or last is not value:
            prebuilt, small = _prebuilt(value)
            self._last = (value, prebuilt) if small else (None, None)
        return prebuilt


def _prebuilt(value: BaseModel) -> tuple[Prebuilt, bool]:
    """The response with a value, and whether it is small enough to be kept."""
    body = _json(value)
    return Prebuilt(_HEAD, body), len(body) <= _SMALL_BODY


def _nothing() -> None:
    return None


class CacheableValue:
    """The bodies of one value, which tell its age in seconds."""

    def __init__(self, value: Cacheable) -> None:
        """Nothing is compressed before it is wanted."""
        self.value = value
        self._body = CacheableBody(_json(value), JSON, "private, no-cache")
        self._fetched_at = value.fetched_at.timestamp()

    def prebuilt(self, wanted: Wanted) -> Prebuilt:
        """The response with the body that is wanted."""
        age = max(0, int(time.time() - self._fetched_at))
        return self._body.prebuilt(wanted, {"Age": str(age)})


def _json(value: BaseModel) -> bytes:
    return value.__pydantic_serializer__.to_json(value)
