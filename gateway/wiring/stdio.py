"""The MCP face on standard input and output."""

from gateway.core.model.errors import Unauthorized
from gateway.settings import Settings
from gateway.wiring.core import revealed
from gateway.wiring.mcp import McpChoices, _options


async def serve_stdio(settings: Settings, choices: McpChoices) -> None:
    """Serve one MCP client on standard input and output until it disconnects.

    Raises Unauthorized where no key is set.
    """
    from mcp_server.remote import open_remote
    from mcp_server.transport.stdio import run_stdio

    key = revealed(settings.gateway_key) or revealed(settings.getatext_api_key)
    if key is None:
        raise Unauthorized(
            "No key is set.",
            advice="Set GETATEXT_API_KEY to your key from https://getatext.com, or GATEWAY_KEY.",
        )
    if choices.gateway_url is not None:
        async with open_remote(choices.gateway_url, key) as remote:
            await run_stdio(remote, remote.caller, _options(settings, choices, None))
        return
    from gateway.wiring.gateway import open_gateway

    async with open_gateway(settings) as gateway:
        caller = await gateway.callers.identify(key)
        await run_stdio(gateway.invoker, caller, _options(settings, choices, None))
