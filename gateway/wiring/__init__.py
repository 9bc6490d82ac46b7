"""The composition root: opens the store and the client, builds the core, and closes them again.

The only package that may import adapters and mcp_server; of the gateway it may import all but cli.
"""

from adapters.store import StoreError
from gateway.wiring.clock import SystemClock
from gateway.wiring.gateway import Gateway, open_gateway, service_codes
from gateway.wiring.mcp import McpChoices
from gateway.wiring.simulated import StandIn, open_simulator
from gateway.wiring.stdio import serve_stdio

__all__ = [
    "Gateway",
    "McpChoices",
    "StandIn",
    "StoreError",
    "SystemClock",
    "open_gateway",
    "open_simulator",
    "serve_stdio",
    "service_codes",
]
