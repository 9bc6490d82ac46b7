"""What the ledger holds of a purchase: intents, states, outcomes, stored answers."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel

from gateway.core.model.callers import Limits
from gateway.core.model.errors import GatewayError
from gateway.core.model.long_rentals import LongRental
from gateway.core.model.problem import problem_json
from gateway.core.model.rentals import Rental
from gateway.core.model.values import Kind

AnyRental = Rental | LongRental


class SpendState(StrEnum):
    """Where a purchase stands. docs/adr has the table of what leads from one to the other."""

    INTENDED = "intended"  # written down, nothing sent
    SENT = "sent"  # the request may have left
    BOUGHT = "bought"
    REFUSED = "refused"  # definitely not charged
    RELEASED = "released"  # nothing was sent, or a refusal that may be tried again
    UNKNOWN = "unknown"  # sent, and the answer was lost


OPEN = (SpendState.INTENDED, SpendState.SENT)


@dataclass(frozen=True, slots=True)
class Intent:
    """A purchase about to be made. `reserved` None: its price cannot be known before."""

    ledger_id: str
    operation: str
    kind: Kind
    account_id: str
    caller_id: str
    request_id: str | None
    fingerprint: str  # of the operation and its input, the request id left out
    subject_id: int | None  # the provider's id of what is rented again or renewed
    service_code: str | None
    reserved: Decimal | None
    active_until: datetime  # until when it counts as active where nothing else is heard
    at: datetime
    limits: Limits | None = None
    account_budget_day: Decimal | None = None  # what all callers of the account may spend a day
    sees_account: bool = False  # the caller sees all of the account


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer as it was given: its HTTP status and its body, byte for byte."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Spend:
    """A purchase as it is written down."""

    ledger_id: str
    operation: str
    kind: Kind
    account_id: str
    caller_id: str
    request_id: str | None
    fingerprint: str
    subject_id: int | None
    service_code: str | None
    state: SpendState
    reserved: Decimal | None
    charged: Decimal | None
    refunded: Decimal
    at: datetime
    answer: StoredAnswer | None
    sees_account: bool = False


class Breach(StrEnum):
    """The limit that a purchase would exceed."""

    BUDGET_DAY = "budget_day"
    BUDGET_TOTAL = "budget_total"
    MAX_ACTIVE = "max_active"
    MAX_PER_DAY = "max_per_day"
    ACCOUNT_BUDGET_DAY = "account_budget_day"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a purchase ended. The price of `bought` is what was charged."""

    state: SpendState
    answer: StoredAnswer | None = None  # refused without one: its request id is free again
    bought: AnyRental | None = None


@dataclass(frozen=True, slots=True)
class View:
    """Whose rentals are meant: an account's, or only those one caller bought."""

    account_id: str
    caller_id: str | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a caller has spent, refunds taken off; what is reserved counts."""

    today: Decimal
    total: Decimal


def stored_value(value: BaseModel) -> StoredAnswer:
    """A success as it is written down. Its status says no more than that: a face has its own."""
    return StoredAnswer(200, value.__pydantic_serializer__.to_json(value))


def stored_error(error: GatewayError, trace_id: str) -> StoredAnswer:
    """A refusal, or an outcome that is not known, as it is written down."""
    return StoredAnswer(error.http_status, problem_json(error, trace_id))
