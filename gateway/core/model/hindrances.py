"""Why the ledger does not take a purchase: a limit, or another purchase."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from gateway.core.model.callers import Ancestor
from gateway.core.model.purchases import SpendState

REPEATED_WITHIN = timedelta(minutes=10)
"""For how long after a purchase over MCP the same one is taken for a repetition."""
MOST_REPLACEMENTS = 3
"""How many replacements may follow one another."""


class Breach(StrEnum):
    """The limit that a purchase would exceed, or why its rental cannot be replaced."""

    BUDGET_DAY = "budget_day"
    BUDGET_TOTAL = "budget_total"
    MAX_ACTIVE = "max_active"
    MAX_PER_DAY = "max_per_day"
    ACCOUNT_BUDGET_DAY = "account_budget_day"
    REPLACED = "replaced"
    REPLACEMENT_OPEN = "replacement_open"
    REPLACEMENT_UNKNOWN = "replacement_unknown"
    REPLACEMENTS = "replacements"  # MOST_REPLACEMENTS led to it
    CODE_RECEIVED = "code_received"


@dataclass(frozen=True, slots=True)
class AncestorBreach:
    """The limit that a purchase would exceed, of a key that its own was made by."""

    limit: Breach
    ancestor: Ancestor


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The earlier purchase over MCP that another would repeat.

    `rental_id`: the provider's id of what it bought; None where it is under way, or its outcome
    unknown.
    """

    state: SpendState
    rental_id: int | None = None


Hindrance = Breach | AncestorBreach | Duplicate
"""Why the ledger does not take a purchase."""
