"""Rentals, numbers rented for one service's code: values and inputs."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, TypedDict

from pydantic import Field, ValidationInfo, field_validator

from gateway.core.model.moments import InstantAsked
from gateway.core.model.preferences import AreaCodes, Carrier, UsNumber
from gateway.core.model.values import (
    CURRENCY,
    Currency,
    FlagAsked,
    Frozen,
    Id,
    IdAsked,
    Instant,
    KeyName,
    LimitAsked,
    PhoneNumber,
    Reference,
    RequestId,
    ServiceAsked,
    ServiceCode,
    Usd,
    UsdAsked,
)

REQUEST_ID = "Your id for the purchase: one id buys once."
REFERENCE = "Your label; get_usage groups by it."


class RentalStatus(StrEnum):
    """Where a rental stands."""

    ACTIVE = "active"
    CODE_RECEIVED = "code_received"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


OVER = (RentalStatus.COMPLETED, RentalStatus.CANCELLED, RentalStatus.EXPIRED)


class EndedReason(StrEnum):
    """Why a rental has ended."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    CANCELLED_UNUSED = "cancelled_unused"  # by the gateway: no code had come before its end
    REPLACED = "replaced"
    EXPIRED = "expired"


class CancelReason(StrEnum):
    """Why the gateway is to cancel a rental as soon as the provider allows."""

    ASKED = "asked"
    REPLACED = "replaced"
    UNUSED = "unused"  # no code has come, and its end is near


_ENDED = {status: EndedReason(status.value) for status in OVER}
ended_reason = _ENDED.get
"""The reason that a status tells; None where the rental has not ended."""
_CANCELLED = {
    CancelReason.REPLACED: EndedReason.REPLACED,
    CancelReason.UNUSED: EndedReason.CANCELLED_UNUSED,
}


def reason_of_end(status: RentalStatus, cancel: CancelReason | None) -> EndedReason | None:
    """As ended_reason, of a rental that was to be cancelled for the reason `cancel`."""
    if cancel is not None and status is RentalStatus.CANCELLED:
        return _CANCELLED.get(cancel, EndedReason.CANCELLED)
    return ended_reason(status)


class ReceivedCode(Frozen):
    """One code of a rental."""

    code: str = Field(description="The code, as text: it may begin with a zero.")
    received_at: Instant = Field(description="When the gateway learned of it.")
    provisional: bool = Field(
        False, description="Known only from a webhook, which drops leading zeros."
    )


class Rental(Frozen):
    """A US number rented for one service's SMS code."""

    id: Id | None = Field(
        description="The provider's id; null while the outcome of the purchase is unknown."
    )
    ledger_id: str | None = Field(
        None, description="The gateway's own id of this rental; null where it keeps no record."
    )
    status: RentalStatus = Field(description="Where the rental stands.")
    service_code: str | None = Field(
        None, description="The service's short name; null where the provider does not tell it."
    )
    service_name: str | None = Field(None, description="The service's name for people.")
    number: PhoneNumber | None = Field(None, description="The rented number in E.164.")
    code: str | None = Field(None, description="The newest code; null while none has come.")
    code_received_at: Instant | None = Field(
        None, description="When the gateway learned of the code."
    )
    codes: tuple[ReceivedCode, ...] | None = Field(
        None, description="All its codes, newest first; null where several rentals are listed."
    )
    price: Usd | None = Field(None, description="What the rental costs.")
    refunded: Usd | None = Field(
        None, description="What came back of the price; null: nothing, or it is not known."
    )
    currency: Currency = Field(CURRENCY, description="The currency of every amount here.")
    balance: Usd | None = Field(
        None, description="The account's balance after this call; null where not told."
    )
    created_at: Instant | None = Field(None, description="When it was rented, where known.")
    ends_at: Instant | None = Field(None, description="When it ends.")
    ended_reason: EndedReason | None = Field(
        # Left out in the answers that a version before has stored, and where a rental begins.
        default_factory=lambda given: ended_reason(given.get("status")),
        description="Why it has ended; null while it has not.",
    )
    cancel_requested_at: Instant | None = Field(
        None, description="Since when it is to be cancelled; null: nobody wants that."
    )
    cancel_available_at: Instant | None = Field(
        None, description="When the provider lets it be cancelled; null: not known."
    )
    replaces: Id | None = Field(None, description="The id of the rental that it replaces.")
    replaced_by: Id | None = Field(None, description="The id of the rental that replaces it.")
    reference: str | None = Field(None, description="What its buyer named in reference.")
    test: bool = Field(False, description="Whether a test key rented it: no real number.")
    notice: str | None = Field(
        None, description="What else to know about this answer; null: nothing."
    )


@dataclass(frozen=True, slots=True)
class CancelWish:
    """A wish that a rental is cancelled, as the ledger has it.

    `due_at`: when it is tried next. `claimed`: whoever got this is to try it before that.
    """

    rental: Rental
    reason: CancelReason
    due_at: datetime
    claimed: bool


class RentNumber(Frozen):
    """The input of rent_number."""

    service_code: ServiceAsked = Field(
        description="The service the code will come from: its code or name in list_prices."
    )
    max_price: UsdAsked | None = Field(
        None, description="The most to pay in USD, surcharges included."
    )
    carrier: Carrier = Field(
        "any", description="Only this carrier's numbers; a match costs 1.2 times the price."
    )
    keep_carrier: FlagAsked = Field(
        False, description="Fail rather than take another carrier's number."
    )
    area_codes: AreaCodes | None = Field(
        None,
        description="Preferred area codes, such as 212,646; a match costs 1.2 times the price.",
        examples=["212,646"],
    )
    lock_area_code: FlagAsked = Field(False, description="Fail rather than take another area code.")
    number: UsNumber | None = Field(
        None,
        description="Rent just this US number, if it is free; without carrier and area codes.",
        examples=["+14104287665"],
    )
    request_id: RequestId | None = Field(None, description=REQUEST_ID)
    reference: Reference | None = Field(None, description=REFERENCE)

    @field_validator("keep_carrier")
    @classmethod
    def _keeps_one(cls, keep: bool, info: ValidationInfo) -> bool:
        if keep and info.data.get("carrier") == "any":
            raise ValueError("needs a carrier to keep: name one in carrier, or leave it out")
        return keep

    @field_validator("lock_area_code")
    @classmethod
    def _locks_some(cls, lock: bool, info: ValidationInfo) -> bool:
        if lock and info.data.get("area_codes", "") is None:
            raise ValueError("needs area codes to lock: list them in area_codes, or leave it out")
        return lock

    @field_validator("number")
    @classmethod
    def _alone(cls, number: str | None, info: ValidationInfo) -> str | None:
        """Reject preferences beside a number: the provider's call for one number takes none."""
        wishes = ("carrier", "keep_carrier", "area_codes", "lock_area_code")
        others = [name for name in wishes if info.data.get(name) not in (None, "any", False)]
        if number is not None and others:
            raise ValueError(f"cannot be had with {', '.join(others)}: leave one or the other out")
        return number


class OneRental(Frozen):
    """The input of operations on one rental."""

    rental_id: IdAsked = Field(description="The rental's id.")


class RentAgain(OneRental):
    """The input of rent_again."""

    request_id: RequestId | None = Field(None, description=REQUEST_ID)
    reference: Reference | None = Field(None, description=REFERENCE)


class ListRentals(Frozen):
    """The input of list_rentals: filters and page."""

    status: Literal[
        "any", "active", "code_received", "completed", "cancelled", "expired", "unknown"
    ] = Field("any", description="Only rentals that stand so.")
    service_code: ServiceCode | None = Field(None, description="Only this service.")
    number: UsNumber | None = Field(
        None, description="Only rentals of this US number.", examples=["+14104287665"]
    )
    reference: Reference | None = Field(None, description="Only with this reference.")
    since: InstantAsked | None = Field(None, description="Only from this time on.")
    until: InstantAsked | None = Field(None, description="Only before this time.")
    key: KeyName | None = Field(
        None, description="Only of the key with this id or name; for admin keys."
    )
    limit: LimitAsked = Field(100, description="How many rentals at the most.")
    cursor: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")] | None = Field(
        None, description="The last page's next_cursor."
    )


class RentalFilter(TypedDict, total=False):
    """Which rentals a list is of; None, or left out: any.

    `since`, `until`: only those first written down at that time or later, and before it.
    """

    status: RentalStatus | None
    service_code: str | None
    number: str | None
    reference: str | None
    since: datetime | None
    until: datetime | None


class Rentals(Frozen):
    """Rentals this gateway knows of, newest first."""

    data: list[Rental] = Field(description="The rentals that fit, newest first.")
    next_cursor: str | None = Field(
        None, description="Pass it as cursor for the next page; null on the last."
    )
