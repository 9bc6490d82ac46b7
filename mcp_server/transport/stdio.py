"""MCP over standard input and output, for a client that starts this program itself."""

import secrets
import sys
from collections.abc import Awaitable, Callable
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, cast

from gateway.core.model.callers import Caller
from gateway.core.operations.call import Call
from mcp_server.options import McpOptions
from mcp_server.transport.lines import StdinLines
from mcp_server.transport.opening import Open, OpenedLater

if TYPE_CHECKING:
    from mcp_server.ports import McpContext

_HANDSHAKE = frozenset({"initialize", "server/discover", "ping"})
_CALLS = frozenset({"tools/call", "resources/read"})


async def run_stdio(open: Open, options: McpOptions, lists_for: Caller | None = None) -> None:
    """Serve until the client closes standard input, or a signal; then finish purchases under way.

    The gateway is opened once the handshake is answered. `lists_for`: the caller for whom tools are
    listed before that; None where the list depends on the caller. Meanwhile print() writes to
    standard error, because standard output belongs to the protocol.
    Raises GatewayError where the gateway could not be opened, also where nothing was asked.
    """
    from mcp.server.stdio import stdio_server

    from mcp_server.server import McpFace

    gateway = OpenedLater(open)
    calls = _Calls(gateway, lists_for)
    face = McpFace(gateway.invoker, calls.call_of, options)
    face.server.middleware.insert(0, calls.await_gateway)
    lines = StdinLines()
    try:
        async with stdio_server(stdin=cast("Any", lines)) as (reads, writes):
            with redirect_stdout(sys.stderr):
                await face.server.run(reads, writes, face.server.create_initialization_options())
    finally:
        await face.drain()
        if not calls.asked:
            await gateway.settled()
        await gateway.close()


class _Calls:
    """The calls of the one client; `asked` once there was any."""

    def __init__(self, gateway: OpenedLater, lists_for: Caller | None) -> None:
        self.asked = False
        self._gateway = gateway
        self._lists_for = lists_for

    async def await_gateway(
        self, ctx: "McpContext", call_next: Callable[[Any], Awaitable[Any]]
    ) -> Any:
        """A middleware of the SDK: opens the gateway, and holds up what cannot do without it."""
        self.asked = True
        if ctx.method in _CALLS or (ctx.method == "tools/list" and self._lists_for is None):
            await self._gateway.settled()
        elif ctx.method not in _HANDSHAKE:
            self._gateway.begin()
        return await call_next(ctx)

    def call_of(self, ctx: "McpContext") -> Call:
        return Call(self._gateway.caller(self._lists_for), secrets.token_hex(8))
