"""The options of the MCP server."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from gateway.core.auth.hosts import AllowedHosts
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.catalog import TOOLS
from gateway.core.operations.operation import AnyOperation, Toolset

ALL_TOOLSETS: frozenset[Toolset] = frozenset(op.toolset for op in TOOLS)
Unconfirmed = Literal["allow", "refuse"]


@dataclass(frozen=True, slots=True)
class McpOptions:
    """What an operator or a user chooses, each with a safe default.

    A purchase that may cost more than `confirm_above` is confirmed by a person. `unconfirmed` says
    what becomes of it where the client cannot ask one. `state_key` seals the state of a question
    that a client carries; nodes that serve the same clients share it. `simulated`: no money is
    real.
    """

    version: str = ""
    confirm_above: Decimal = Decimal("1.00")
    unconfirmed: Unconfirmed = "refuse"
    read_only: bool = False
    toolsets: frozenset[Toolset] = ALL_TOOLSETS
    simulated: bool = False
    state_key: bytes | None = field(default=None, repr=False)
    hosts: AllowedHosts = field(default_factory=AllowedHosts)
    max_sessions: int = 500
    max_sessions_of_key: int = 100
    max_sessions_of_address: int = 200
    session_idle_seconds: float = 600.0
    max_body: int = 128 * 1024

    def offers(self, op: AnyOperation) -> bool:
        """Whether an operation is a tool here."""
        reads = op.effect is Effect.READ
        return op.tool and op.toolset in self.toolsets and (reads or not self.read_only)
