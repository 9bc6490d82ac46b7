"""Temporary rentals, numbers rented for minutes: renting, codes, cancelling, completing, expiry."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

from adapters.simulator.provider.books import Books
from adapters.simulator.provider.catalogue import Catalogue, Service
from adapters.simulator.provider.codes import Codes
from adapters.simulator.provider.config import LiveConfig
from adapters.simulator.provider.numbers import AREA_CODES, CARRIERS, Numbers
from adapters.simulator.provider.quantities import to_cents
from adapters.simulator.provider.records import Account, Code, Rental, RentalStatus
from adapters.simulator.provider.refusals import Reason, Refusal
from adapters.simulator.provider.timeline import Timeline

ONE_MATCH, TWO_MATCHES = Decimal("1.2"), Decimal("1.4")

OnCode = Callable[[Account, Rental], None]
"""A callback for every code that arrives."""


@dataclass(frozen=True, slots=True)
class RentRequest:
    """What to rent. Carrier and area code are optional unless kept and locked."""

    service: str
    max_price: Decimal | None = None
    number: str | None = None
    carrier: str | None = None
    keep_carrier: bool = False
    area_codes: tuple[str, ...] = ()
    lock_area_code: bool = False


class Renting:
    """Operations on temporary rentals. Each raises `Refusal` before it changes anything."""

    def __init__(
        self,
        live: LiveConfig,
        books: Books,
        catalogue: Catalogue,
        timeline: Timeline,
        numbers: Numbers,
        codes: Codes,
        on_code: OnCode,
    ) -> None:
        self._live = live
        self._books = books
        self._catalogue = catalogue
        self._timeline = timeline
        self._numbers = numbers
        self._codes = codes
        self._on_code = on_code

    def rent(self, account: Account, request: RentRequest) -> Rental:
        """Rents the best matching number and charges its price with surcharges."""
        service = self._offered(request.service)
        area_code = _matching_area(request)
        price = _with_surcharges(service.price, _matching_carrier(request), area_code)
        if request.number is not None:
            self._expect_free(request.number, service.api_name)
        self._charge(account, price, request.max_price)
        if request.number is not None:
            self._numbers.reserve(request.number)
        number = request.number or self._numbers.draw(area_code)
        self._catalogue.take(service.api_name)
        silent = self._codes.silent(service.api_name)
        return self._open(account, service, number, price, silent=silent)

    def rent_again(self, account: Account, rental_id: int | None) -> Rental:
        """Rents the same number for the same service, at the present price without surcharges.

        A silent number stays silent.
        """
        earlier = self._books.rental(account, rental_id)
        service = self._catalogue.find(earlier.service)
        self._charge(account, service.price, None)
        return self._open(
            account,
            service,
            earlier.number,
            service.price,
            again_of=earlier.id,
            silent=earlier.silent,
        )

    def cancel(self, account: Account, rental_id: int | None) -> Rental:
        """Ends a rental that has no code and refunds its price."""
        rental = self._books.rental(account, rental_id)
        if rental.codes:
            raise Refusal.of(Reason.HAS_CODE)
        if not rental.active:
            raise Refusal.of(Reason.NOT_ACTIVE)
        lock = self._live.rules.cancel_locked
        if not account.config.cancel_at_once and self._timeline.now() < rental.rented_at + lock:
            raise Refusal.too_early(lock)
        return self._end(rental, RentalStatus.CANCELLED, self._timeline.now(), refund=True)

    def complete(self, account: Account, rental_id: int | None) -> Rental:
        """Ends a rental without a refund."""
        rental = self._books.rental(account, rental_id)
        if not rental.active:
            raise Refusal.of(Reason.NOT_ACTIVE)
        return self._end(rental, RentalStatus.COMPLETED, self._timeline.now())

    def expire(self, rental_id: int, at: float) -> None:
        """Ends a rental at the end of its time: completed if it has a code, else expired."""
        rental = self._books.rentals[rental_id]
        if not rental.active:
            return
        if rental.codes:
            self._end(rental, RentalStatus.COMPLETED, at)
        else:
            refund = self._live.rules.refund_expired
            self._end(rental, RentalStatus.EXPIRED, at, refund=refund)

    def receive(self, rental_id: int, text: str | None, at: float) -> Rental | None:
        """Delivers a code, a generated one if `text` is None; None when the rental has ended."""
        rental = self._books.rentals[rental_id]
        if not rental.active:
            return None
        code = Code(text if text is not None else self._codes.next(rental.service), at)
        rental = replace(rental, codes=(*rental.codes, code))
        self._books.rentals[rental_id] = rental
        self._on_code(self._books.accounts[rental.account], rental)
        return rental

    def _arrive(self, rental_id: int, at: float) -> None:
        rental = self.receive(rental_id, None, at)
        rules = self._live.rules
        if (
            rental is not None
            and self._catalogue.find(rental.service).multiple_sms
            and len(rental.codes) < rules.codes_per_multi_sms
        ):
            self._timeline.at(at + rules.next_code_after, partial(self._arrive, rental_id))

    def _offered(self, api_name: str) -> Service:
        service = self._catalogue.find(api_name)
        if service.maintenance:
            raise Refusal.of(Reason.MAINTENANCE)
        if service.stock == 0:
            raise Refusal.of(Reason.OUT_OF_STOCK)
        return service

    def _expect_free(self, number: str, service: str) -> None:
        if any(
            r.active and r.number == number and r.service == service
            for r in self._books.rentals.values()
        ):
            raise Refusal.of(Reason.NUMBER_NOT_AVAILABLE)

    def _charge(self, account: Account, price: Decimal, max_price: Decimal | None) -> None:
        heeded = self._live.rules.heeds_max_price
        if heeded and max_price is not None and price > max_price:
            raise Refusal.of(Reason.PRICE_TOO_HIGH)
        allowed = account.config.max_active
        if account.active_rentals >= (self._live.rules.max_active if allowed is None else allowed):
            raise Refusal.of(Reason.TOO_MANY_ACTIVE)
        account.charge(price)

    def _open(
        self,
        account: Account,
        service: Service,
        number: str,
        price: Decimal,
        again_of: int | None = None,
        silent: bool = False,
    ) -> Rental:
        now = self._timeline.now()
        rental = Rental(
            id=self._books.new_rental_id(),
            account=account.key,
            service=service.api_name,
            service_name=service.name,
            number=number,
            price=price,
            rented_at=now,
            ends_at=now + service.ttl_minutes * 60,
            again_of=again_of,
            silent=silent,
        )
        self._books.rentals[rental.id] = rental
        account.active_rentals += 1
        if not silent:
            arrives_at = now + self._codes.delay(account, service.api_name)
            self._timeline.at(arrives_at, partial(self._arrive, rental.id))
        self._timeline.at(rental.ends_at, partial(self.expire, rental.id))
        return rental

    def _end(self, rental: Rental, status: RentalStatus, at: float, refund: bool = False) -> Rental:
        account = self._books.accounts[rental.account]
        account.active_rentals -= 1
        rental = replace(rental, status=status, ended_at=at)
        if refund:
            account.refund(rental.price)
            rental = replace(rental, refunded=rental.price)
        if not rental.codes and rental.again_of is None:
            self._catalogue.give_back(rental.service)
        self._books.rentals[rental.id] = rental
        return rental


def _matching_area(request: RentRequest) -> str | None:
    area_code = next((code for code in request.area_codes if code in AREA_CODES), None)
    if area_code is None and request.area_codes and request.lock_area_code:
        raise Refusal.of(Reason.OUT_OF_STOCK)
    return area_code


def _matching_carrier(request: RentRequest) -> str | None:
    carrier = request.carrier if request.carrier in CARRIERS else None
    if carrier is None and request.carrier and request.keep_carrier:
        raise Refusal.of(Reason.OUT_OF_STOCK)
    return carrier


def _with_surcharges(price: Decimal, carrier: str | None, area_code: str | None) -> Decimal:
    if carrier and area_code:
        return to_cents(price * TWO_MATCHES)
    return to_cents(price * ONE_MATCH) if carrier or area_code else price
