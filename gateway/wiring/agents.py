"""The MCP face: on the gateway's own port, and on standard input and output."""

from dataclasses import dataclass, field
from importlib.metadata import version

from aiohttp import web

from gateway.core.callers import Caller
from gateway.core.errors import Unauthorized
from gateway.core.operation import Toolset
from gateway.http.auth import key_of
from gateway.http.edge import TRACE_ID
from gateway.settings import Settings
from gateway.wiring.policies import Policies, revealed
from mcp_server.http import mount
from mcp_server.options import ALL_TOOLSETS, McpOptions


@dataclass(frozen=True, slots=True)
class McpChoices:
    """What somebody chooses who runs it on standard input and output.

    `gateway_url`: another gateway that does the work.
    """

    read_only: bool = False
    toolsets: frozenset[Toolset] = field(default=ALL_TOOLSETS)
    gateway_url: str | None = None


def add_mcp(app: web.Application, settings: Settings, policies: Policies) -> None:
    """Add /mcp to the application."""

    async def identify(request: web.Request) -> Caller:
        return await policies.callers.identify(key_of(request))

    options = _options(settings, McpChoices(), policies.hasher.name("mcp").encode())
    mount(policies.invoker, identify, lambda request: request[TRACE_ID], options).add_to(app)


async def serve_stdio(settings: Settings, choices: McpChoices) -> None:
    """Serve one client on standard input and output, until it closes its end."""
    from mcp_server.remote import open_remote
    from mcp_server.stdio import run_stdio

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


def _options(settings: Settings, choices: McpChoices, state_key: bytes | None) -> McpOptions:
    return McpOptions(
        version=version("getatext-gateway"),
        confirm_above=settings.gateway_mcp_confirm_above,
        unasked=settings.gateway_mcp_unasked,
        read_only=choices.read_only,
        toolsets=choices.toolsets,
        state_key=state_key,
        public_url=str(settings.gateway_public_url or "").rstrip("/"),
    )
