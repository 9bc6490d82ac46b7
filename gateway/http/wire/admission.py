"""Admission of requests that hold their connection for long: streams, waits, MCP."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from types import TracebackType

from aiohttp import web

from gateway.core.auth.concurrency import ConcurrencyLimit, Held
from gateway.core.auth.key_watch import KeyWatch
from gateway.core.model.callers import Caller
from gateway.core.model.errors import Unauthorized
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
        self.watch = watch

    def held(
        self, request: web.Request, caller: Caller, kind: Held
    ) -> AbstractContextManager[None]:
        """Hold a place for the length of a block. Raises GatewayBusy.

        Raises Unauthorized in the block's place once the caller's key has ended.
        """
        kind = replace(kind, of_key=min(kind.of_key, self._half))
        leave = self._limit.enter(kind, caller.id, self.address(request))
        return _Place(leave, self.watch, caller)

    @property
    def open(self) -> int:
        """How many are open."""
        return self._limit.open

    def address(self, request: web.Request) -> str | None:
        """The address by which the sender is counted; None for one without a limit."""
        return limited_address(request, self._proxies)


class _Place(AbstractContextManager[None]):
    """A place that was taken: given back at the end of the block, or once the key has ended.

    Thousands are held at once, so it is small.
    """

    __slots__ = ("_caller", "_leave", "_task", "_unwatch", "_watch", "_why")

    def __init__(self, leave: Callable[[], None], watch: KeyWatch, caller: Caller) -> None:
        self._leave = leave
        self._watch = watch
        self._caller = caller
        self._why: Unauthorized | None = None
        self._task: asyncio.Task[object] | None = None

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._unwatch = self._watch.hold(self._caller, self._end)

    def _end(self, why: Unauthorized) -> None:
        self._why = why
        assert self._task is not None  # noqa: S101 - a request is handled in one
        self._task.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._unwatch()
        self._leave()
        if self._why is None or kind is None or not issubclass(kind, asyncio.CancelledError):
            return
        if self._task is not None and self._task.uncancel() == 0:
            raise self._why from None
