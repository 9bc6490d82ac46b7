"""The MCP face: on the gateway's HTTP port, and its options for stdio."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from importlib.metadata import version

from aiohttp import web

from gateway.core.auth.hosts import AllowedHosts
from gateway.core.model.callers import Caller
from gateway.core.operations.operation import Toolset
from gateway.http.serving.app import ADMISSION
from gateway.http.wire.admission import MCP_REQUESTS
from gateway.http.wire.auth import key_of
from gateway.http.wire.edge import TRACE_ID
from gateway.settings import Settings
from gateway.wiring.core import Core
from mcp_server.options import ALL_TOOLSETS, McpOptions
from mcp_server.transport.http import McpAdmission, mount


@dataclass(frozen=True, slots=True)
class McpChoices:
    """The options of the MCP server on stdio.

    `gateway_url`: a remote gateway that runs the operations.
    """

    read_only: bool = False
    toolsets: frozenset[Toolset] = field(default=ALL_TOOLSETS)
    gateway_url: str | None = None


def add_mcp(app: web.Application, settings: Settings, core: Core, hosts: AllowedHosts) -> None:
    """Add /mcp to the application; `hosts` are the names by which it may be addressed."""

    async def identify(request: web.Request) -> Caller:
        return await core.callers.identify(key_of(request))

    def held(request: web.Request, caller: Caller) -> AbstractContextManager[None]:
        return app[ADMISSION].held(request, caller, MCP_REQUESTS)

    options = _options(settings, McpChoices(), core.hasher.name("mcp").encode())
    options = replace(options, hosts=hosts)
    admission = McpAdmission(held, app[ADMISSION].address)
    mount(core.invoker, identify, lambda request: request[TRACE_ID], options, admission).add_to(app)


def _options(settings: Settings, choices: McpChoices, state_key: bytes | None) -> McpOptions:
    return McpOptions(
        version=version("getatext-gateway"),
        confirm_above=settings.gateway_mcp_confirm_above,
        unconfirmed=settings.gateway_mcp_unconfirmed,
        read_only=choices.read_only,
        toolsets=choices.toolsets,
        state_key=state_key,
    )
