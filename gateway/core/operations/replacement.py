"""The operation that replaces a rental whose code does not come."""

import json
from typing import Any

from pydantic import ValidationError

from gateway.core.auth.authorization import has_code
from gateway.core.model.errors import (
    AlreadyReplaced,
    GatewayError,
    InvalidRequest,
    LedgerUnavailable,
    RentalNotFound,
)
from gateway.core.model.provider_errors import (
    CodeAlreadyReceived,
    InsufficientFunds,
    OutOfStock,
    PriceTooHigh,
    TooManyActiveRentals,
)
from gateway.core.model.purchases import Spend
from gateway.core.model.rentals import Rental, RentalStatus, RentNumber
from gateway.core.model.replacement import ReplaceRental
from gateway.core.model.upstream_call import Effect, Priority
from gateway.core.operations.context import Context
from gateway.core.operations.operation import Operation, Rest
from gateway.core.operations.rentals import RENT, RENT_NUMBER
from gateway.core.upstream.calls import RENTAL_STATUS

_NOT_BOUGHT = "rental_id: this rental was not bought through this gateway; use rent_number."
_NO_SERVICE = "rental_id: the service of this rental is not known; use rent_number."
_NO_WISHES = (
    "max_price: is required for this rental: it was bought before the gateway kept what was asked "
    "for. Give carrier and area_codes too, where they matter."
)


async def _resolve(context: Context, asked: ReplaceRental, subject: Rental | None) -> RentNumber:
    """The rent of the new number. Raises GatewayError where the rental is not to be replaced."""
    if subject is not None:
        _check_replaceable(subject)  # saves a call; the ledger decides when the purchase begins
    # A code that has just come must not be paid for twice.
    upstream, reads = context.upstream, context.services.status_reads
    read = await reads.status(upstream, asked.rental_id, Priority.SPEND)
    _check_replaceable(read)
    bought = await _purchase(context, asked.rental_id)
    if bought.wishes is None and asked.max_price is None:
        raise InvalidRequest(_NO_WISHES)
    service_code = bought.service_code or read.service_code
    if service_code is None:
        raise InvalidRequest(_NO_SERVICE)
    try:
        rent = asked.resolved(service_code, json.loads(bought.wishes or "{}"))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False)[0]
        words = fault["msg"].removeprefix("Value error, ")
        raise InvalidRequest(f"{fault['loc'][0]}: {words}.") from None
    return rent.model_copy(update={"reference": asked.reference or bought.reference})


def _check_replaceable(rental: Rental) -> None:
    if rental.replaced_by is not None:
        raise AlreadyReplaced(replaced_by=rental.replaced_by)
    if rental.code_received_at or rental.code or rental.codes:
        raise has_code()
    if rental.status is RentalStatus.CODE_RECEIVED:  # its code has been deleted
        raise has_code()


async def _purchase(context: Context, rental_id: int) -> Spend:
    services, account_id = context.services, context.upstream.account_id
    try:
        bought = await services.ledger.purchase_of(account_id, rental_id)
    except LedgerUnavailable as fault:
        raise LedgerUnavailable.nothing_sent() from fault
    if bought is None:
        raise _unknown_purchase(ledger_away=services.repository.ledger_away)
    return bought


def _unknown_purchase(*, ledger_away: bool) -> GatewayError:
    return LedgerUnavailable.nothing_sent() if ledger_away else InvalidRequest(_NOT_BOUGHT)


async def _rent(context: Context, resolved: Any) -> Rental:
    return await context.upstream.ask(RENT, resolved)


REPLACE_RENTAL = Operation(
    name="replace_rental",
    summary="Rent another number in place of one whose code does not come",
    description=(
        "The account is charged for a number of the same service; the first is cancelled for a "
        "refund as soon as the provider allows. Each rental is replaced once, three times in a row "
        "at most."
    ),
    takes=ReplaceRental,
    gives=Rental,
    effect=Effect.SPEND,
    rest=Rest(
        "POST", "/v1/rentals/{rental_id}/replace", success=201, location="/v1/rentals/{value.id}"
    ),
    run=_rent,
    calls=(RENTAL_STATUS, RENT),
    quote=RENT_NUMBER.quote,
    resolve=_resolve,
    once=True,
    errors=(
        RentalNotFound,
        AlreadyReplaced,
        CodeAlreadyReceived,
        OutOfStock,
        PriceTooHigh,
        InsufficientFunds,
        TooManyActiveRentals,
    ),
    subject="rental_id",
)

OPERATIONS = (REPLACE_RENTAL,)
