"""Admission of requests that hold their connection for long: streams, waits, MCP."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from aiohttp import web

from gateway.core.auth.concurrency import ConcurrencyLimit, Held
from gateway.core.auth.key_watch import KeyWatch
from gateway.core.model.callers import Caller
from gateway.http.wire.addresses import Proxy, limited_address

STREAMS = Held("event streams", 50)
WAITS = Held("waits", 5000)
MCP_REQUESTS = Held("MCP requests", 200)


class Admission:
    """Limits what a key, an address and all together hold open, far below the connections."""

    def __init__(self, total: int, watch: KeyWatch, proxies: Sequence[Proxy] = ()) -> None:
        """A key or an address gets at most half of `total`. `proxies`: those that are trusted.

        `watch` ends what is held with a key once that has ended.
        """
        self._half = max(1, total // 2)
        self._limit = ConcurrencyLimit(total, self._half)
        self._proxies = proxies
        self._watch = watch

    @contextmanager
    def streaming(self, request: web.Request, caller: Caller, kind: Held) -> Iterator[None]:
        """As `held`; raises Unauthorized in the block's place once the caller's key has ended."""
        with self.held(request, caller, kind), self._watch.holding(caller):
            yield

    def held(
        self, request: web.Request, caller: Caller, kind: Held
    ) -> AbstractContextManager[None]:
        """Hold a place for the length of a block. Raises GatewayBusy."""
        kind = replace(kind, of_key=min(kind.of_key, self._half))
        return self._limit.held(kind, caller.id, self.address(request))

    @property
    def open(self) -> int:
        """How many are open."""
        return self._limit.open

    def address(self, request: web.Request) -> str | None:
        """The address by which the sender is counted; None for one without a limit."""
        return limited_address(request, self._proxies)
