"""The operations on rentals, and the calls to the provider they make."""

from dataclasses import replace
from typing import Any

from gateway.core.model.errors import Forbidden, NotFound, RentalNotFound, ServiceNotFound
from gateway.core.model.provider_errors import (
    CancelTooEarly,
    CodeAlreadyReceived,
    InsufficientFunds,
    OutOfStock,
    PriceTooHigh,
    RentalEnded,
    TooManyActiveRentals,
)
from gateway.core.model.quote import Quote, again_quote, rent_quote
from gateway.core.model.rentals import (
    ListRentals,
    OneRental,
    RentAgain,
    Rental,
    Rentals,
    RentalStatus,
    RentNumber,
)
from gateway.core.model.upstream_call import Effect, UpstreamCall
from gateway.core.operations import ending
from gateway.core.operations.context import Context
from gateway.core.operations.operation import Operation, Rest
from gateway.core.rentals.reconciler import named
from gateway.core.upstream.calls import CANCEL, RENTAL_STATUS

# Newer editions of the provider's page allow two rents a second. It documents no limit for
# renting a specific number (taken as a rent) or again (taken as any other call).
RENT: UpstreamCall[RentNumber, Rental] = UpstreamCall("rent", Effect.SPEND, rates=(2.0, 200.0))
RENT_SPECIFIC: UpstreamCall[RentNumber, Rental] = UpstreamCall(
    "rent_specific", Effect.SPEND, rates=(2.0, None)
)
RENT_AGAIN_CALL: UpstreamCall[RentAgain, Rental] = UpstreamCall("rent_again", Effect.SPEND)


async def _quote_rent(context: Context, asked: RentNumber, subject: Any) -> Quote:
    return rent_quote(asked, await context.price_of(asked.service_code))


async def _quote_again(context: Context, asked: RentAgain, subject: Rental | None) -> Quote:
    if subject is None or subject.service_code is None:
        return Quote(None)
    return again_quote(subject, await context.price_of(subject.service_code))


async def _list_rentals(context: Context, asked: ListRentals) -> Rentals:
    found = await context.services.repository.listing.page(
        await context.view_of(asked.key),
        status=None if asked.status == "any" else RentalStatus(asked.status),
        service_code=asked.service_code,
        number=f"+1{asked.number[-10:]}" if asked.number else None,
        reference=asked.reference,
        since=asked.since,
        until=asked.until,
        limit=asked.limit + 1,
        before=asked.cursor,
    )
    page = list(found[: asked.limit])
    return Rentals(data=page, next_cursor=page[-1].ledger_id if len(found) > len(page) else None)


async def _resolve_service(context: Context, asked: RentNumber, subject: Any) -> RentNumber:
    """The rent of the service that is meant, by its code. Raises ServiceNotFound.

    It stays as it is where the price list cannot be read.
    """
    found = await context.service(asked.service_code)
    return asked if found is None else asked.model_copy(update={"service_code": found.service_code})


async def _rent(context: Context, asked: RentNumber) -> Rental:
    return await context.upstream.ask(RENT if asked.number is None else RENT_SPECIFIC, asked)


async def _rent_number(context: Context, asked: RentNumber) -> Rental:
    try:
        return await _rent(context, asked)
    except ServiceNotFound as refusal:
        await context.suggest(asked.service_code, refusal)
        raise


async def _get_rental(context: Context, asked: OneRental) -> Rental:
    return await context.services.status_reads.status(context.upstream, asked.rental_id)


def _recent_rental(context: Context, asked: OneRental) -> Rental | None:
    return context.services.status_reads.recent(context.upstream.account_id, asked.rental_id)


async def _rent_again(context: Context, asked: RentAgain) -> Rental:
    """Rent again; the service is that of the earlier rental, which the provider may not tell."""
    account_id, services = context.upstream.account_id, context.services
    earlier = await services.repository.known(account_id, asked.rental_id)
    rented = await context.upstream.ask(RENT_AGAIN_CALL, asked)
    if earlier is not None:
        same = {
            name: getattr(rented, name) or getattr(earlier, name)
            for name in ("service_code", "service_name")
        }
        rented = rented.model_copy(update=same)
    return named(rented, services.price_cache.known(account_id))


RENT_NUMBER = Operation(
    name="rent_number",
    summary="Rent a US number to receive one service's SMS code",
    description=(
        "Buys at once and charges the account, up to max_price. Then wait_for_code reads the code. "
        "Without one it can be cancelled for a refund after some minutes."
    ),
    takes=RentNumber,
    gives=Rental,
    effect=Effect.SPEND,
    rest=Rest("POST", "/v1/rentals", success=201, location="/v1/rentals/{value.id}"),
    run=_rent_number,
    calls=(RENT, RENT_SPECIFIC),
    quote=_quote_rent,
    resolve=_resolve_service,
    errors=(
        ServiceNotFound,
        OutOfStock,
        PriceTooHigh,
        InsufficientFunds,
        TooManyActiveRentals,
    ),
)

RENT_BY_CODE = replace(RENT_NUMBER, run=_rent, resolve=None)
"""rent_number that sends the service as it is given; for drop-in faces, with names of their own."""

LIST_RENTALS = Operation(
    name="list_rentals",
    summary="List the rentals this gateway knows of, newest first",
    description=(
        "What this key bought, or all of its account. Purchases of unknown outcome are among them, "
        "with status unknown and no id."
    ),
    takes=ListRentals,
    gives=Rentals,
    effect=Effect.READ,
    rest=Rest("GET", "/v1/rentals"),
    run=_list_rentals,
    errors=(Forbidden, NotFound),
)

GET_RENTAL = Operation(
    name="get_rental",
    summary="Read one rental: its status and its newest code",
    description=(
        "The code is null until the SMS has come, and stays readable after the rental has ended."
    ),
    takes=OneRental,
    gives=Rental,
    effect=Effect.READ,
    rest=Rest("GET", "/v1/rentals/{rental_id}"),
    run=_get_rental,
    at_once=_recent_rental,
    calls=(RENTAL_STATUS,),
    errors=(RentalNotFound,),
    subject="rental_id",
)

CANCEL_RENTAL = Operation(
    name="cancel_rental",
    summary="Cancel a rental that has no code yet, for a refund",
    description=(
        "Gives the number back: now, or as soon as the provider allows, some minutes after the "
        "rent. Refused once a code has come."
    ),
    takes=OneRental,
    gives=Rental,
    effect=Effect.CHANGE,
    rest=Rest("POST", "/v1/rentals/{rental_id}/cancel"),
    run=ending.cancel_rental,
    calls=(CANCEL, RENTAL_STATUS),
    errors=(RentalNotFound, CodeAlreadyReceived, RentalEnded),
    subject="rental_id",
)

CANCEL_AT_ONCE = replace(
    CANCEL_RENTAL,
    run=ending.cancel_at_once,
    errors=(RentalNotFound, CancelTooEarly, CodeAlreadyReceived, RentalEnded),
)
"""cancel_rental that is refused where it may not be now, and leaves no wish; for drop-in faces."""

COMPLETE_RENTAL = Operation(
    name="complete_rental",
    summary="Mark a rental whose code was used as done",
    description=(
        "Ends it, so that no further code comes. It refunds nothing: without a code use "
        "cancel_rental, which does."
    ),
    takes=OneRental,
    gives=Rental,
    effect=Effect.CHANGE,
    rest=Rest("POST", "/v1/rentals/{rental_id}/complete"),
    run=ending.complete_rental,
    calls=(ending.COMPLETE, RENTAL_STATUS),
    errors=(RentalNotFound, RentalEnded),
    subject="rental_id",
)

FINISH_RENTAL = replace(
    COMPLETE_RENTAL,
    run=ending.finish_rental,
    calls=(ending.COMPLETE, CANCEL, RENTAL_STATUS),
    errors=(RentalNotFound, RentalEnded),
)
"""complete_rental that keeps no money without a code: it cancels then; for drop-in faces."""

RENT_AGAIN = Operation(
    name="rent_again",
    summary="Rent the number of an earlier rental once more",
    description=(
        "It is a new rental for the same service, charged at the current price, uncapped."
    ),
    takes=RentAgain,
    gives=Rental,
    effect=Effect.SPEND,
    rest=Rest(
        "POST",
        "/v1/rentals/{rental_id}/rent-again",
        success=201,
        location="/v1/rentals/{value.id}",
    ),
    run=_rent_again,
    calls=(RENT_AGAIN_CALL,),
    quote=_quote_again,
    errors=(RentalNotFound, OutOfStock, InsufficientFunds, TooManyActiveRentals),
    subject="rental_id",
)

OPERATIONS = (
    RENT_NUMBER,
    LIST_RENTALS,
    GET_RENTAL,
    CANCEL_RENTAL,
    COMPLETE_RENTAL,
    RENT_AGAIN,
)
