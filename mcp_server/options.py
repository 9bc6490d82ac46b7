"""The options of the MCP server."""

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal

from gateway.core.auth.hosts import AllowedHosts
from gateway.core.operations.catalog import TOOLS
from gateway.core.operations.operation import Toolset

ALL_TOOLSETS: frozenset[Toolset] = frozenset(op.toolset for op in TOOLS)
Unconfirmed = Literal["allow", "refuse"]


@dataclass(frozen=True, slots=True)
class McpOptions:
    """What an operator or a user chooses, each with a safe default.

    A purchase that may cost more than `confirm_above`, or what its key has in place of it, is
    confirmed by a person. `unconfirmed` says what becomes of it where nobody could be asked; a yes
    within `min_answer_seconds` of the question is the client's own. `state_key` seals the state of
    a question that a client carries; nodes that serve the same clients share it. `simulated`: no
    money is real. `icons`: the folder with the server's icon.png and icon.svg.
    """

    version: str = ""
    confirm_above: Decimal = Decimal("1.00")
    unconfirmed: Unconfirmed = "refuse"
    min_answer_seconds: float = 0.3
    read_only: bool = False
    toolsets: frozenset[Toolset] = ALL_TOOLSETS
    simulated: bool = False
    icons: Path | None = None
    state_key: bytes | None = field(default=None, repr=False)
    hosts: AllowedHosts = field(default_factory=AllowedHosts)
    max_sessions: int = 500
    max_sessions_of_key: int = 20
    max_sessions_of_address: int = 200
    session_idle_seconds: float = 600.0
    max_body: int = 128 * 1024
