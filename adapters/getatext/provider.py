"""Getatext as the core's Provider."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from time import perf_counter
from typing import TypeVar, cast

from adapters.getatext import account, long_rentals, rentals
from adapters.getatext.client import Client
from adapters.getatext.endpoint import AnyEndpoint, Endpoint, Fields, Terms
from adapters.getatext.reply import Reply, read_answer
from adapters.getatext.unchanged import Unchanged
from gateway.core.model.errors import GatewayError
from gateway.core.model.provider_errors import UpstreamAuthFailed, UpstreamBadResponse
from gateway.core.model.rentals import Rental
from gateway.core.model.upstream_call import AnyCall, UpstreamCall
from gateway.core.ports.observer import NoObserver, Observer
from gateway.core.ports.provider import Connect

In = TypeVar("In")
Out = TypeVar("Out")

ENDPOINTS = (*account.ENDPOINTS, *rentals.ENDPOINTS, *long_rentals.ENDPOINTS)


@dataclass(frozen=True, slots=True)
class Shared:
    """The objects shared by all accounts."""

    client: Client
    terms: Terms
    endpoints: Mapping[AnyCall, AnyEndpoint]
    observer: Observer
    unchanged: Unchanged[Rental] = field(default_factory=Unchanged)


def accounts(
    client: Client,
    *,
    now: Callable[[], datetime],
    zone: tzinfo,
    premium: bool = False,
    observer: Observer | None = None,
) -> Connect:
    """A function that returns the Provider of a key, cheaply. `zone`: of naive times."""
    endpoints = {
        each.call: each.for_premium() if premium and each.premium else each for each in ENDPOINTS
    }
    shared = Shared(client, Terms(now, zone), endpoints, observer or NoObserver())
    return lambda key: Getatext(key, shared)


class Getatext:
    """The Provider of one key."""

    __slots__ = ("_key", "_shared")

    def __init__(self, key: str, shared: Shared) -> None:
        self._key = key
        self._shared = shared

    async def call(self, call: UpstreamCall[In, Out], asked: In) -> Out:
        """Send one call and parse its response. The key is removed from error messages."""
        shared = self._shared
        endpoint: Endpoint[In, Out] = shared.endpoints[call]
        started, outcome = perf_counter(), "aborted"
        try:
            if not _sendable(self._key):
                raise UpstreamAuthFailed()
            body = endpoint.body(asked) if endpoint.body else None
            about = endpoint.about(asked) if endpoint.about else None
            reply = await shared.client.send(endpoint, self._key, body, about)
            answer = self._read(endpoint, asked, reply)
            outcome = "ok"
            return answer
        except GatewayError as error:
            outcome = error.code
            if isinstance(error, UpstreamBadResponse | UpstreamAuthFailed):
                shared.client.distrust(self._key)  # a refused key's idle connection is of no use
            if error.upstream is not None:
                message = error.upstream.message.replace(self._key, "[key]")
                error.upstream = replace(error.upstream, message=message)
            raise
        finally:
            shared.observer.upstream_called(endpoint.name, outcome, perf_counter() - started)

    def _read(self, endpoint: Endpoint[In, Out], asked: In, reply: Reply) -> Out:
        terms = self._shared.terms

        def read(fields: Fields) -> Out:
            return endpoint.read(fields, asked, terms)

        if not endpoint.unchanged:
            return read_answer(reply, endpoint, read)
        unchanged = cast(Unchanged[Out], self._shared.unchanged)
        return unchanged.read(
            cast(int, asked), reply, lambda reply: read_answer(reply, endpoint, read)
        )


def _sendable(key: str) -> bool:
    """Whether a key is valid in a header; all keys of the provider are."""
    return key.isascii() and key.isprintable() and bool(key.strip())
