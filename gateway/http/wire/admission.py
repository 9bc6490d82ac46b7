"""Admission of requests that hold their connection for long: streams, waits, MCP."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from aiohttp import web

from gateway.core.auth.concurrency import ConcurrencyLimit, Held
from gateway.core.model.callers import Caller
from gateway.http.wire.addresses import Proxy, limited_address

STREAMS = Held("event streams", 50)
WAITS = Held("waits", 5000)
MCP_REQUESTS = Held("MCP requests", 200)


class Admission:
    """Limits what a key, an address and all together hold open, far below the connections."""

    def __init__(self, total: int, proxies: Sequence[Proxy] = ()) -> None:
        """A key or an address gets at most half of `total`. `proxies`: those that are trusted."""
        self._half = max(1, total // 2)
        self._limit = ConcurrencyLimit(total, self._half)
        self._proxies = proxies

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
