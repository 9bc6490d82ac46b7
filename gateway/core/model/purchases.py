"""Ledger entries of purchases: intents, states, outcomes and stored answers."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel

from gateway.core.model.callers import Ancestor, Limits
from gateway.core.model.errors import GatewayError
from gateway.core.model.long_rentals import LongRental
from gateway.core.model.problem import problem_json
from gateway.core.model.rentals import Rental, RentNumber
from gateway.core.model.values import Kind

AnyRental = Rental | LongRental


def kind_of(rental: AnyRental) -> Kind:
    """The Kind of a rental or long rental."""
    return "rental" if isinstance(rental, Rental) else "long_rental"


class SpendState(StrEnum):
    """The state of a purchase. docs/adr has the table of transitions."""

    INTENDED = "intended"  # in the ledger, nothing sent
    SENT = "sent"  # the request may have reached the provider
    BOUGHT = "bought"
    REFUSED = "refused"  # definitely not charged
    RELEASED = "released"  # nothing was sent, or a refusal that may be retried
    UNKNOWN = "unknown"  # sent, and the response was lost


class RefundReason(StrEnum):
    """Why a purchase was refunded."""

    CANCELLED = "cancelled"
    EXPIRED = "expired"  # without a code
    RECORDED = "recorded"  # by an operator


REPLACE = "replace_rental"
"""The operation whose purchases replace the rental they are about."""
WISHES = ("max_price", "carrier", "keep_carrier", "area_codes", "lock_area_code")
"""The inputs of a purchase that its replacement inherits."""
_WISHES = set(WISHES)
OPEN = (SpendState.INTENDED, SpendState.SENT)


@dataclass(frozen=True, slots=True)
class Intent:
    """A purchase about to be made. `reserved` is in USD; None: the price is not known before."""

    ledger_id: str
    operation: str
    kind: Kind
    account_id: str
    caller_id: str
    request_id: str | None
    fingerprint: str  # of the operation and its input, without the request id
    subject_id: int | None  # the provider's id of what is rented again or renewed
    service_code: str | None
    reserved: Decimal | None
    active_until: datetime  # counts as active until then, unless its end is known earlier
    at: datetime
    limits: Limits | None = None
    account_budget_day: Decimal | None = None  # USD a day, all callers of the account together
    sees_account: bool = False  # as Caller.sees_account
    reference: str | None = None
    wishes: str | None = None  # which number was asked for, as JSON, for its replacement
    over_mcp: bool = False  # an agent makes it
    allow_duplicate: bool = False  # although it may repeat one over MCP
    ancestors: tuple[Ancestor, ...] = ()  # as Caller.ancestors: it counts against theirs too

    @property
    def unrepeated(self) -> bool:
        """Whether it may not repeat one over MCP; a rental is replaced once in any case."""
        return self.over_mcp and not self.allow_duplicate and self.replaces is None

    @property
    def views(self) -> tuple["View", ...]:
        """In which views its rental is: its caller's, and those of the callers above it."""
        own = View(self.account_id, None if self.sees_account else self.caller_id)
        return own, *(View(self.account_id, above) for above in self.counted_by[1:])

    @property
    def counted_by(self) -> tuple[str, ...]:
        """The callers in whose sums it counts: its own, and those above it, the nearest first."""
        return self.caller_id, *(ancestor.caller_id for ancestor in self.ancestors)

    @property
    def replaces(self) -> int | None:
        """The provider's id of the rental that it replaces."""
        return self.subject_id if self.operation == REPLACE else None


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A stored response: HTTP status and exact body bytes."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Spend:
    """A purchase as stored in the ledger. Amounts in USD."""

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
    refunded_at: datetime | None = None
    refund_reason: RefundReason | None = None
    reference: str | None = None
    wishes: str | None = None

    @property
    def replaces(self) -> int | None:
        """As of its intent."""
        return self.subject_id if self.operation == REPLACE else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a purchase. The price of `bought` is the amount charged.

    `redeliverable`: whose caller gets the answer again where it did not arrive, see Redelivery.
    """

    state: SpendState
    answer: StoredAnswer | None = None  # REFUSED without one frees the request id
    bought: AnyRental | None = None
    redeliverable: bool = False


def ended(intent: Intent, outcome: Outcome) -> Spend:
    """The purchase as the ledger has it once its outcome is written."""
    bought = outcome.bought
    return Spend(
        ledger_id=intent.ledger_id,
        operation=intent.operation,
        kind=intent.kind,
        account_id=intent.account_id,
        caller_id=intent.caller_id,
        request_id=intent.request_id,
        fingerprint=intent.fingerprint,
        subject_id=intent.subject_id,
        service_code=intent.service_code,
        state=outcome.state,
        reserved=intent.reserved,
        charged=None if bought is None else bought.price,
        refunded=Decimal(0),
        at=intent.at,
        answer=outcome.answer,
        sees_account=intent.sees_account,
        reference=intent.reference,
        wishes=intent.wishes,
    )


@dataclass(frozen=True, slots=True)
class View:
    """A visibility filter: all rentals of an account, or only those one caller bought.

    The purchases of a gateway key include those of the keys that it made, and of theirs.
    """

    account_id: str
    caller_id: str | None = None


class LedgerCounts(NamedTuple):
    """What stands open in the ledger, of all accounts."""

    unknown_purchases: int
    active_rentals: int
    cancel_wishes: int
    oldest_wish_at: datetime | None


class Spent(NamedTuple):
    """What a caller has spent in USD: refunds deducted, reservations included."""

    today: Decimal
    total: Decimal


def wishes_of(asked: object) -> str:
    """Which number a purchase asked for, as JSON."""
    if not isinstance(asked, RentNumber):
        return "{}"
    return asked.model_dump_json(include=_WISHES, exclude_defaults=True)


def stored_value(value: BaseModel) -> StoredAnswer:
    """A success for the ledger. The status 200 is only a marker; each face sends its own."""
    return StoredAnswer(200, value.__pydantic_serializer__.to_json(value))


def stored_error(error: GatewayError, trace_id: str) -> StoredAnswer:
    """A refusal or an unknown outcome for the ledger, as a problem document."""
    return StoredAnswer(error.http_status, problem_json(error, trace_id))
