"""Numbers rented for one code: the values, and the operations on them."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from gateway.core.desk import Desk
from gateway.core.errors import RentalNotFound, ServiceNotFound
from gateway.core.operation import Effect, Operation, Rest
from gateway.core.provider_errors import (
    CancelTooEarly,
    CodeAlreadyReceived,
    InsufficientFunds,
    OutOfStock,
    PriceTooHigh,
    RentalEnded,
    TooManyActiveRentals,
)
from gateway.core.values import (
    CURRENCY,
    Currency,
    FlagAsked,
    Frozen,
    Id,
    IdAsked,
    Instant,
    PhoneNumber,
    ServiceCode,
    Usd,
    UsdAsked,
)


class RentalStatus(StrEnum):
    """Where a rental stands."""

    ACTIVE = "active"
    CODE_RECEIVED = "code_received"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


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
    price: Usd | None = Field(None, description="What the rental costs.")
    currency: Currency = Field(CURRENCY, description="The currency of every amount here.")
    balance: Usd | None = Field(
        None, description="The account's balance after this call; null where not told."
    )
    created_at: Instant | None = Field(None, description="When it was rented, where known.")
    ends_at: Instant | None = Field(None, description="When it ends.")


class RentNumber(Frozen):
    """What to rent."""

    service_code: ServiceCode = Field(
        description="The service the code will come from: a service_code of list_prices."
    )
    max_price: UsdAsked | None = Field(
        None, description="The highest price in USD to pay, surcharges included."
    )
    carrier: Literal["any", "at&t", "tmobile", "verizon"] = Field(
        "any", description="Only this carrier's numbers; a match costs 1.2 times the price."
    )
    keep_carrier: FlagAsked = Field(
        False, description="Fail rather than take a number of another carrier."
    )
    area_codes: (
        Annotated[str, Field(pattern=r"^ *[2-9]\d\d *(, *[2-9]\d\d *)*$", max_length=400)] | None
    ) = Field(
        None,
        description="Preferred area codes, comma-separated; a match costs 1.2 times the price.",
        examples=["212,646"],
    )
    lock_area_code: FlagAsked = Field(
        False, description="Fail rather than take a number with another area code."
    )
    number: Annotated[str, Field(pattern=r"^(\+?1)?[2-9]\d{9}$")] | None = Field(
        None, description="Rent just this US number, if it is free.", examples=["+14104287665"]
    )


class OneRental(Frozen):
    """Which rental."""

    rental_id: IdAsked = Field(description="The rental's id, as rent_number answered it.")


async def _rent_number(desk: Desk, asked: RentNumber) -> Rental:
    return await desk.ask(lambda provider: provider.rent_number(asked))


async def _get_rental(desk: Desk, asked: OneRental) -> Rental:
    return await desk.ask(lambda provider: provider.get_rental(asked.rental_id))


async def _cancel_rental(desk: Desk, asked: OneRental) -> Rental:
    return await desk.ask(lambda provider: provider.cancel_rental(asked.rental_id))


async def _complete_rental(desk: Desk, asked: OneRental) -> Rental:
    return await desk.ask(lambda provider: provider.complete_rental(asked.rental_id))


async def _rent_again(desk: Desk, asked: OneRental) -> Rental:
    return await desk.ask(lambda provider: provider.rent_again(asked.rental_id))


RENT_NUMBER = Operation(
    name="rent_number",
    summary="Rent a US number to receive one service's SMS code",
    description=(
        "Buys a number at once and charges the account: set max_price. Read its code with "
        "get_rental. Without a code it can be cancelled for a refund after some minutes. Where "
        "the answer is lost the error is outcome_unknown: do not simply repeat the call."
    ),
    takes=RentNumber,
    gives=Rental,
    effect=Effect.SPEND,
    rest=Rest("POST", "/v1/rentals", success=201, location="/v1/rentals/{id}"),
    run=_rent_number,
    errors=(
        ServiceNotFound,
        OutOfStock,
        PriceTooHigh,
        InsufficientFunds,
        TooManyActiveRentals,
    ),
)

GET_RENTAL = Operation(
    name="get_rental",
    summary="Read one rental: its status and its newest code",
    description=(
        "Answers what the provider says of the rental now. The code is null until the SMS has "
        "come; a code stays readable after the rental has ended."
    ),
    takes=OneRental,
    gives=Rental,
    effect=Effect.READ,
    rest=Rest("GET", "/v1/rentals/{rental_id}"),
    run=_get_rental,
    errors=(RentalNotFound,),
    subject="rental_id",
)

CANCEL_RENTAL = Operation(
    name="cancel_rental",
    summary="Cancel a rental that has no code yet, for a refund",
    description=(
        "Gives the number back and refunds its price. The provider refuses it in the first "
        "minutes (cancel_too_early) and once a code has come (code_already_received)."
    ),
    takes=OneRental,
    gives=Rental,
    effect=Effect.CHANGE,
    rest=Rest("POST", "/v1/rentals/{rental_id}/cancel"),
    run=_cancel_rental,
    errors=(RentalNotFound, CancelTooEarly, CodeAlreadyReceived, RentalEnded),
    subject="rental_id",
)

COMPLETE_RENTAL = Operation(
    name="complete_rental",
    summary="Mark a rental as done",
    description=(
        "Ends a rental whose code has been used. Costs nothing and refunds nothing; to get "
        "money back for a rental without a code use cancel_rental."
    ),
    takes=OneRental,
    gives=Rental,
    effect=Effect.CHANGE,
    rest=Rest("POST", "/v1/rentals/{rental_id}/complete"),
    run=_complete_rental,
    errors=(RentalNotFound, RentalEnded),
    subject="rental_id",
)

RENT_AGAIN = Operation(
    name="rent_again",
    summary="Rent the number of an earlier rental once more",
    description=(
        "Buys the same number for the same service again, as a new rental with a new id, and "
        "charges the account. Where the answer is lost the error is outcome_unknown: do not "
        "simply repeat the call."
    ),
    takes=OneRental,
    gives=Rental,
    effect=Effect.SPEND,
    rest=Rest(
        "POST",
        "/v1/rentals/{rental_id}/rent-again",
        success=201,
        location="/v1/rentals/{id}",
    ),
    run=_rent_again,
    errors=(RentalNotFound, OutOfStock, InsufficientFunds, TooManyActiveRentals),
    subject="rental_id",
)

OPERATIONS = (RENT_NUMBER, GET_RENTAL, CANCEL_RENTAL, COMPLETE_RENTAL, RENT_AGAIN)
