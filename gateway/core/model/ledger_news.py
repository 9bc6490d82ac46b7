"""What is told of the ledger once it is written: for metrics and the log."""

from dataclasses import dataclass
from decimal import Decimal

from gateway.core.model.purchases import SpendState


@dataclass(frozen=True, slots=True)
class PurchaseEnded:
    """How a purchase ended. `key_name` None: its caller brought a key of the provider.

    `rental_id`: the provider's id of what was bought. Amounts in USD.
    """

    ledger_id: str
    operation: str
    account_id: str
    key_name: str | None
    service_code: str | None
    state: SpendState
    reserved: Decimal | None
    charged: Decimal | None
    rental_id: int | None


@dataclass(frozen=True, slots=True)
class MoneyBack:
    """So much of a purchase came back, in USD."""

    amount: Decimal


@dataclass(frozen=True, slots=True)
class CodeRead:
    """A code that was not known before."""


@dataclass(frozen=True, slots=True)
class FirstCode:
    """A rental's first code came, so many seconds after it was bought."""

    seconds: float


LedgerNews = PurchaseEnded | MoneyBack | CodeRead | FirstCode
"""What is told, on the node that wrote it, once it is in the ledger: each once over all nodes."""
