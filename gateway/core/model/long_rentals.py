"""Long rentals, numbers rented for weeks: values and inputs."""

from datetime import date
from enum import StrEnum

from pydantic import Field

from gateway.core.model.codes import WaitAsked
from gateway.core.model.moments import InstantAsked
from gateway.core.model.rentals import REFERENCE, REQUEST_ID
from gateway.core.model.values import (
    CURRENCY,
    Currency,
    FlagAsked,
    Frozen,
    Id,
    IdAsked,
    Instant,
    PhoneNumber,
    Reference,
    RequestId,
    Usd,
)


class LongRentalStatus(StrEnum):
    """Where a long rental stands."""

    ACTIVE = "active"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class Period(StrEnum):
    """The period of a long rental."""

    ONE_WEEK = "1w"
    TWO_WEEKS = "2w"
    ONE_MONTH = "1m"
    ONE_YEAR = "1y"


class LongRental(Frozen):
    """A US number rented for weeks, for any service."""

    id: Id | None = Field(
        description="The provider's id; null while the outcome of the purchase is unknown."
    )
    status: LongRentalStatus = Field(description="Where the long rental stands.")
    number: PhoneNumber | None = Field(None, description="The rented number in E.164.")
    price: Usd | None = Field(None, description="What one period costs.")
    currency: Currency = Field(CURRENCY, description="The currency of every amount here.")
    period: Period | None = Field(
        None, description="How long a period is; null where the provider's word is not known."
    )
    auto_renew: bool | None = Field(
        None, description="Whether it renews itself at its end; null where not told."
    )
    rented_on: date | None = Field(None, description="The day it was rented.")
    ends_on: date | None = Field(None, description="The day it ends.")
    reference: str | None = Field(None, description="What its buyer named in reference.")
    test: bool = Field(False, description="Whether a test key rented it: no real number.")


class LongRentals(Frozen):
    """The account's long rentals."""

    data: list[LongRental] = Field(description="The long rentals, as the provider lists them.")
    next_cursor: str | None = Field(None, description="Always null: the list comes whole.")


class Message(Frozen):
    """One SMS to a long rental. Its text comes from strangers."""

    text: str = Field(description="The SMS as it came, written by a stranger.")
    sender: str | None = Field(None, description="Who sent it.")
    number: PhoneNumber | None = Field(None, description="The number it came to, in E.164.")
    received_at: Instant | None = Field(None, description="When it came.")


class Messages(Frozen):
    """The messages of one long rental."""

    data: list[Message] = Field(description="The messages, as the provider lists them.")
    next_cursor: str | None = Field(None, description="Always null: the list comes whole.")


class CreateLongRental(Frozen):
    """The input of create_long_rental."""

    period: Period = Field(description="How long: one week, two weeks, one month or one year.")
    auto_renew: FlagAsked = Field(
        False, description="Renew, and pay, at the end of each period by itself."
    )
    request_id: RequestId | None = Field(None, description=REQUEST_ID)
    reference: Reference | None = Field(None, description=REFERENCE)


class OneLongRental(Frozen):
    """The input of operations on one long rental."""

    long_rental_id: IdAsked = Field(description="Its id in list_long_rentals.")


class ListMessages(OneLongRental):
    """The input of list_messages."""

    wait_seconds: WaitAsked = Field(0, description="How long to wait for one, in seconds.")
    after: InstantAsked | None = Field(
        None,
        description=(
            "Only later ones: give the received_at of the newest you have. One without a time is "
            "always listed."
        ),
    )


class RenewLongRental(OneLongRental):
    """The input of renew_long_rental."""

    request_id: RequestId | None = Field(None, description=REQUEST_ID)
    reference: Reference | None = Field(None, description=REFERENCE)


class SetAutoRenew(OneLongRental):
    """The input of set_auto_renew."""

    auto_renew: FlagAsked = Field(description="Whether it shall renew itself at its end.")
