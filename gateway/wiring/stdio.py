"""The MCP server on standard input and output: with a gateway of its own, or as a relay to one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from gateway.core.model.callers import GATEWAY_KEY_PREFIX, Account, Caller
from gateway.core.model.errors import LedgerUnavailable, Unauthorized
from gateway.settings import Settings
from gateway.wiring.mcp_options import McpChoices, mcp_options

if TYPE_CHECKING:
    from mcp_server.transport.opening import Opened


async def serve_stdio(settings: Settings, choices: McpChoices) -> None:
    """Serve one MCP client on standard input and output until it disconnects.

    Raises Unauthorized where no key is set, and GatewayError where the gateway cannot be opened.
    """
    options = mcp_options(settings, choices)
    if settings.gateway_url is not None and not choices.simulate:
        from mcp_server.relay.relay import run_relay

        await run_relay(str(settings.gateway_url), _key(settings), options)
        return
    from mcp_server.transport.stdio import run_stdio

    key = None if choices.simulate else _key(settings)
    anybody = Caller("", Account("", ""))  # any caller without limits sees the same tools
    limited = key is not None and key.startswith(GATEWAY_KEY_PREFIX)
    await run_stdio(partial(_open, settings, key), options, None if limited else anybody)


@asynccontextmanager
async def _open(settings: Settings, key: str | None) -> "AsyncIterator[Opened]":
    """The gateway and the caller of the key; without a key both are of a simulated provider."""
    # The import takes a while, in which the event loop must serve the client.
    await asyncio.to_thread(import_module, "gateway.wiring.gateway")
    from adapters.store import StoreError
    from gateway.wiring.gateway import open_gateway

    async with AsyncExitStack() as opened:
        if key is None:
            from gateway.wiring.simulated import open_simulator, pointed_at

            provider = await opened.enter_async_context(open_simulator())
            data = opened.enter_context(TemporaryDirectory(prefix="getatext-gateway-"))
            settings, key = pointed_at(settings, provider, data), provider.key
        try:
            gateway = await opened.enter_async_context(open_gateway(settings))
            caller = await gateway.callers.identify(key)
        except StoreError as error:
            raise LedgerUnavailable(f"{str(error).rstrip('.')}.") from error
        yield gateway.invoker, caller


def _key(settings: Settings) -> str:
    if settings.caller_key is None:
        raise Unauthorized(
            "No key is set.",
            advice="Set GETATEXT_API_KEY to your key from https://getatext.com, or GATEWAY_KEY. "
            "To try it without one: --simulate.",
        )
    return settings.caller_key.get_secret_value()
