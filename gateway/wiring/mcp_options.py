"""The options of the MCP server: what the settings say, and what a user chooses on stdio."""

from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import gateway.http
from gateway.core.operations.operation import Toolset
from gateway.settings import Settings
from mcp_server.options import ALL_TOOLSETS, McpOptions

ICONS = Path(gateway.http.__file__).parent / "pages" / "own"
"""The folder of the icons that the gateway serves."""


@dataclass(frozen=True, slots=True)
class McpChoices:
    """The options of the MCP server on stdio.

    `simulate`: the provider is a simulated one, and the ledger ends with the program.
    """

    read_only: bool = False
    toolsets: frozenset[Toolset] = field(default=ALL_TOOLSETS)
    simulate: bool = False


def mcp_options(
    settings: Settings, choices: McpChoices, state_key: bytes | None = None
) -> McpOptions:
    """The options of the MCP server by the settings and a user's choices."""
    return McpOptions(
        version=version("getatext-gateway"),
        confirm_above=settings.gateway_mcp_confirm_above,
        unconfirmed=settings.gateway_mcp_unconfirmed,
        read_only=choices.read_only,
        toolsets=choices.toolsets,
        simulated=choices.simulate,
        icons=ICONS,
        state_key=state_key,
    )
