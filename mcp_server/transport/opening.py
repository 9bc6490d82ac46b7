"""A gateway that is opened while its client already has the answer to its first request."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress

from gateway.core.model.callers import Caller
from gateway.core.model.errors import GatewayError, InternalError
from mcp_server.ports import OperationInvoker

Opened = tuple[OperationInvoker, Caller]
Open = Callable[[], AbstractAsyncContextManager[Opened]]
"""Opens the gateway, and closes it at the end. Raises GatewayError where it cannot be opened."""

log = logging.getLogger(__name__)


class OpenedLater:
    """A gateway that is opened by `begin`, in a task of its own.

    Where that fails, the log says why at once, every call is answered with the error, and the next
    call tries again: a database may come back.
    """

    def __init__(self, open: Open) -> None:
        """`open` is called by `begin`."""
        self._open = open
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._opened: asyncio.Future[Opened] | None = None

    def begin(self) -> "asyncio.Future[Opened]":
        """Begin to open the gateway, unless it is open or being opened."""
        if self._opened is None or (self._opened.done() and self._opened.exception()):
            self._opened = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._hold(self._opened))
        return self._opened

    async def settled(self) -> None:
        """Wait until the gateway is open, or cannot be opened."""
        await asyncio.wait([self.begin()])

    def caller(self, meanwhile: Caller | None) -> Caller:
        """The caller of every call; `meanwhile` until the gateway is open. Raises GatewayError."""
        if self._opened is None or not self._opened.done():
            if meanwhile is None:
                raise InternalError
            return meanwhile
        if isinstance(fault := self._opened.exception(), GatewayError):
            raise fault
        return self._opened.result()[1]

    def invoker(self) -> OperationInvoker:
        """The invoker of the open gateway."""
        assert self._opened is not None  # noqa: S101 - `caller` was asked before
        return self._opened.result()[0]

    async def close(self) -> None:
        """Close the gateway. Raises what kept it from being opened."""
        if self._task is None or self._opened is None:
            return
        self._over.set()
        if not self._opened.done():
            self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        if self._opened.done():
            self._opened.result()

    async def _hold(self, opened: "asyncio.Future[Opened]") -> None:
        try:
            async with self._open() as gateway:
                opened.set_result(gateway)
                await self._over.wait()
        except Exception as fault:
            if opened.done():  # it was open, and cannot be closed
                raise
            unknown = not isinstance(fault, GatewayError)
            log.error("the gateway cannot be opened: %s", fault, exc_info=unknown)
            opened.set_exception(fault)
