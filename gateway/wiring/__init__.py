"""The composition root: the only importer of adapters/ and mcp_server/.

Resources are closed by the function that opens them.
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
