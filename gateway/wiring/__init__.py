"""The composition root: opens the store and the client, builds the core, and closes them again.

The only package that may import adapters and mcp_server; of the gateway it may import all but cli.
What is named here is imported when it is used: the MCP server answers its client before it has
loaded a gateway, and a relay or a command that uses a gateway elsewhere never loads one.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters.gateway_client.client import open_gateway_client
    from adapters.store import BackupError, StoreError
    from gateway.wiring.backup import Restored, back_up, restore
    from gateway.wiring.clock import SystemClock
    from gateway.wiring.database import database_url
    from gateway.wiring.doctor import Finding, State, examine
    from gateway.wiring.gateway import Gateway, open_gateway
    from gateway.wiring.legacy_codes import service_codes
    from gateway.wiring.mcp_options import McpChoices
    from gateway.wiring.simulated import (
        StandIn,
        open_simulator,
        pointed_at,
        simulated_services,
    )
    from gateway.wiring.stdio import serve_stdio

__all__ = [
    "BackupError",
    "Finding",
    "Gateway",
    "McpChoices",
    "Restored",
    "StandIn",
    "State",
    "StoreError",
    "SystemClock",
    "back_up",
    "database_url",
    "examine",
    "open_gateway",
    "open_gateway_client",
    "open_simulator",
    "pointed_at",
    "restore",
    "serve_stdio",
    "service_codes",
    "simulated_services",
]

_HOMES = {
    "BackupError": "adapters.store",
    "Finding": "gateway.wiring.doctor",
    "Gateway": "gateway.wiring.gateway",
    "McpChoices": "gateway.wiring.mcp_options",
    "Restored": "gateway.wiring.backup",
    "StandIn": "gateway.wiring.simulated",
    "State": "gateway.wiring.doctor",
    "StoreError": "adapters.store",
    "SystemClock": "gateway.wiring.clock",
    "back_up": "gateway.wiring.backup",
    "database_url": "gateway.wiring.database",
    "examine": "gateway.wiring.doctor",
    "open_gateway": "gateway.wiring.gateway",
    "open_gateway_client": "adapters.gateway_client.client",
    "open_simulator": "gateway.wiring.simulated",
    "pointed_at": "gateway.wiring.simulated",
    "restore": "gateway.wiring.backup",
    "serve_stdio": "gateway.wiring.stdio",
    "service_codes": "gateway.wiring.legacy_codes",
    "simulated_services": "gateway.wiring.simulated",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
