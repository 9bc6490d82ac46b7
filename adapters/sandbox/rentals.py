"""Rentals: as they are sold, and as they stand at a time, by the ledger's row."""

from datetime import datetime, timedelta
from decimal import Decimal

from adapters.sandbox import numbers
from adapters.sandbox.catalogue import (
    BALANCE,
    CODES_AFTER,
    LOCKED_FOR,
    OUT_OF_STOCK,
    SERVICES,
    SILENT,
)
from gateway.core.model.errors import ServiceNotFound
from gateway.core.model.prices import Price
from gateway.core.model.provider_errors import (
    CancelTooEarly,
    CodeAlreadyReceived,
    OutOfStock,
    PriceTooHigh,
    RentalEnded,
    ToldLock,
)
from gateway.core.model.quote import with_surcharges
from gateway.core.model.rentals import OVER, Rental, RentalStatus, RentNumber


def check_sold(asked: RentNumber) -> Decimal:
    """The price of a rent, with all surcharges. Raises what refuses it."""
    listed = SERVICES.get(asked.service_code)
    if listed is None:
        raise ServiceNotFound
    if listed.service_code == OUT_OF_STOCK:
        raise OutOfStock
    price = price_of(asked, listed)
    if asked.max_price is not None and asked.max_price < price:
        refusal = PriceTooHigh()
        refusal.needs(price)
        raise refusal
    return price


def price_of(asked: RentNumber, listed: Price) -> Decimal:
    """What a rent costs: all that it prefers is had."""
    return with_surcharges(
        listed.price, carrier=asked.carrier != "any", area=asked.area_codes is not None
    )


def same(earlier: Rental) -> RentNumber:
    """The rent of an earlier rental's number once more. Raises ServiceNotFound."""
    if earlier.service_code is None:
        raise ServiceNotFound
    return RentNumber(service_code=earlier.service_code, number=earlier.number)


def sold(identity: int, asked: RentNumber, price: Decimal, at: datetime) -> Rental:
    """A new rental, rented at that time."""
    listed = SERVICES[asked.service_code]
    wanted = asked.number and f"+1{asked.number[-10:]}"
    return Rental(
        id=identity,
        status=RentalStatus.ACTIVE,
        service_code=listed.service_code,
        service_name=listed.service_name,
        number=wanted or numbers.number(identity, asked.area_codes),
        price=price,
        balance=BALANCE,
        created_at=at,
        ends_at=at + _duration(listed),
        test=True,
    )


def stands(held: Rental, now: datetime) -> Rental:
    """A rental of the ledger as it stands now."""
    if held.status in OVER:
        return _told(held, held.status, held.code)
    begun = _begun(held)
    listed = SERVICES.get(held.service_code or "")
    ends = held.ends_at or begun + _duration(listed)
    code = _code(held, listed, min(now, ends) - begun)
    if now >= ends:
        return _told(held, RentalStatus.EXPIRED, code)
    return _told(held, RentalStatus.CODE_RECEIVED if code else RentalStatus.ACTIVE, code)


def cancelled(held: Rental, now: datetime) -> Rental:
    """It after a cancel. Raises what refuses that."""
    stood = stands(held, now)
    if stood.status is RentalStatus.CANCELLED:
        return stood
    if stood.code is not None:
        raise CodeAlreadyReceived
    if stood.status in OVER:
        raise RentalEnded
    if now < _begun(held) + LOCKED_FOR:
        refusal = CancelTooEarly(advice=f"It can be cancelled {_LOCK:.0f} seconds after the rent.")
        refusal.lock = ToldLock(_LOCK, more=False)
        raise refusal
    return _told(held, RentalStatus.CANCELLED, None)


def completed(held: Rental, now: datetime) -> Rental:
    """It after its completion. Raises RentalEnded."""
    stood = stands(held, now)
    if stood.status in OVER and stood.status is not RentalStatus.COMPLETED:
        raise RentalEnded
    return _told(held, RentalStatus.COMPLETED, stood.code)


_LOCK = LOCKED_FOR.total_seconds()


def _begun(held: Rental) -> datetime:
    """When it was rented: the sandbox has written it down with each."""
    assert held.created_at is not None  # noqa: S101 - as the docstring says
    return held.created_at


def _duration(listed: Price | None) -> timedelta:
    minutes = None if listed is None else listed.ttl_minutes
    return timedelta(minutes=5 if minutes is None else minutes)


def _code(held: Rental, listed: Price | None, age: timedelta) -> str | None:
    """The newest code at this age."""
    if held.id is None or held.service_code == SILENT:
        return None
    several = listed is not None and listed.multiple_sms
    after = CODES_AFTER if several else CODES_AFTER[:1]
    come = sum(age >= each for each in after)
    return numbers.code(held.id, come - 1) if come else None


def _told(held: Rental, status: RentalStatus, code: str | None) -> Rental:
    """What a provider tells of a rental, which is not all that the ledger knows."""
    return Rental(
        id=held.id,
        status=status,
        service_code=held.service_code,
        service_name=held.service_name,
        number=held.number,
        code=code,
        price=held.price,
        balance=BALANCE,
        ends_at=held.ends_at,
        test=True,
    )
