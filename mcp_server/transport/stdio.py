"""MCP over standard input and output, for a client that starts this program itself."""

import asyncio
import os
import secrets
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import redirect_stdout, suppress
from typing import Any, cast

from gateway.core.model.callers import Caller
from gateway.core.operations.call import Call
from mcp_server.options import McpOptions
from mcp_server.ports import OperationInvoker


async def run_stdio(invoker: OperationInvoker, caller: Caller, options: McpOptions) -> None:
    """Serve until the client closes standard input, or a signal; then finish purchases under way.

    Meanwhile print() writes to standard error, because standard output belongs to the protocol.
    """
    from mcp.server.stdio import stdio_server

    from mcp_server.server import McpFace

    face = McpFace(invoker, lambda ctx: Call(caller, secrets.token_hex(8)), options)
    lines = _StdinLines()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError, ValueError):  # a system or thread without signals
            asyncio.get_running_loop().add_signal_handler(number, lines.end)
    try:
        async with stdio_server(stdin=cast("Any", lines)) as (reads, writes):
            with redirect_stdout(sys.stderr):
                await face.server.run(reads, writes, face.server.create_initialization_options())
    finally:
        await face.drain()


class _StdinLines:
    """Standard input line by line, read by a daemon thread.

    The SDK's own reader cannot be cancelled while it waits: Ctrl-C would do nothing until the
    next line. The descriptor is read directly, because a buffer's lock is not free at the end.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        descriptor = os.dup(sys.stdin.fileno())
        threading.Thread(target=self._read, args=(descriptor,), daemon=True).start()

    def end(self) -> None:
        """End the iteration, whatever the client sends."""
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (line := await self._queue.get()) is not None:
            yield line

    def _read(self, descriptor: int) -> None:
        rest = b""
        try:
            while piece := os.read(descriptor, 65_536):
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    self._put(line.decode(errors="replace"))
            if rest:
                self._put(rest.decode(errors="replace"))
            self._put(None)
        except RuntimeError:
            pass  # the event loop is closed

    def _put(self, line: str | None) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, line)
