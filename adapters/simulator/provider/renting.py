"""Numbers rented for minutes: renting, codes, cancelling, completing, expiring."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

from adapters.simulator.provider.books import Books
from adapters.simulator.provider.catalogue import Catalogue, Service
from adapters.simulator.provider.codes import Codes
from adapters.simulator.provider.config import InForce
from adapters.simulator.provider.numbers import AREA_CODES, CARRIERS, Numbers
from adapters.simulator.provider.quantities import to_cents
from adapters.simulator.provider.records import Account, Code, Rental, RentalStatus
from adapters.simulator.provider.refusals import No, Refusal
from adapters.simulator.provider.timeline import Timeline

ONE_MATCH, TWO_MATCHES = Decimal("1.2"), Decimal("1.4")

OnCode = Callable[[Account, Rental], None]
"""Told about every code that arrives."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a customer asks for; carrier and area are hopes unless kept and locked."""

    service: str
    max_price: Decimal | None = None
    number: str | None = None
    carrier: str | None = None
    keep_carrier: bool = False
    area_codes: tuple[str, ...] = ()
    lock_area_code: bool = False


class Renting:
    """What the provider does with temporary rentals; every refusal leaves the books untouched."""

    def __init__(
        self,
        in_force: InForce,
        books: Books,
        catalogue: Catalogue,
        timeline: Timeline,
        numbers: Numbers,
        codes: Codes,
        on_code: OnCode,
    ) -> None:
        self._in_force = in_force
        self._books = books
        self._catalogue = catalogue
        self._timeline = timeline
        self._numbers = numbers
        self._codes = codes
        self._on_code = on_code

    def rent(self, account: Account, wish: Wish) -> Rental:
        """A number as near to the wish as there is one, charged with its surcharges."""
        service = self._offered(wish.service)
        area_code = _matching_area(wish)
        price = _with_surcharges(service.price, _matching_carrier(wish), area_code)
        if wish.number is not None:
            self._expect_free(wish.number, service.api_name)
        self._charge(account, price, wish.max_price)
        if wish.number is not None:
            self._numbers.reserve(wish.number)
        number = wish.number or self._numbers.draw(area_code)
        self._catalogue.take(service.api_name)
        return self._open(account, service, number, price)

    def rent_again(self, account: Account, rental_id: int | None) -> Rental:
        """The same number for the same service, at today's price without surcharges."""
        earlier = self._books.rental(account, rental_id)
        service = self._catalogue.find(earlier.service)
        self._charge(account, service.price, None)
        return self._open(account, service, earlier.number, service.price, again_of=earlier.id)

    def cancel(self, account: Account, rental_id: int | None) -> Rental:
        """Ends a rental without a code and gives its price back."""
        rental = self._books.rental(account, rental_id)
        if rental.codes:
            raise Refusal.of(No.HAS_CODE)
        if not rental.active:
            raise Refusal.of(No.NOT_ACTIVE)
        lock = self._in_force.rules.cancel_locked
        if not account.config.cancel_at_once and self._timeline.now() < rental.rented_at + lock:
            raise Refusal.too_early(lock)
        return self._end(rental, RentalStatus.CANCELLED, self._timeline.now(), refund=True)

    def complete(self, account: Account, rental_id: int | None) -> Rental:
        """Ends a rental its customer is done with; nothing is given back."""
        rental = self._books.rental(account, rental_id)
        if not rental.active:
            raise Refusal.of(No.NOT_ACTIVE)
        return self._end(rental, RentalStatus.COMPLETED, self._timeline.now())

    def expire(self, rental_id: int, at: float) -> None:
        """The end of its time: completed when a code came, else expired, mostly with a refund."""
        rental = self._books.rentals[rental_id]
        if not rental.active:
            return
        if rental.codes:
            self._end(rental, RentalStatus.COMPLETED, at)
        else:
            refund = self._in_force.rules.refund_expired
            self._end(rental, RentalStatus.EXPIRED, at, refund=refund)

    def receive(self, rental_id: int, text: str | None, at: float) -> Rental | None:
        """A code for an active rental, scripted or made up; None when the rental has ended."""
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
        rules = self._in_force.rules
        if (
            rental is not None
            and self._catalogue.find(rental.service).multiple_sms
            and len(rental.codes) < rules.codes_per_multi_sms
        ):
            self._timeline.at(at + rules.next_code_after, partial(self._arrive, rental_id))

    def _offered(self, api_name: str) -> Service:
        service = self._catalogue.find(api_name)
        if service.maintenance:
            raise Refusal.of(No.MAINTENANCE)
        if service.stock == 0:
            raise Refusal.of(No.OUT_OF_STOCK)
        return service

    def _expect_free(self, number: str, service: str) -> None:
        if any(
            r.active and r.number == number and r.service == service
            for r in self._books.rentals.values()
        ):
            raise Refusal.of(No.NUMBER_NOT_AVAILABLE)

    def _charge(self, account: Account, price: Decimal, max_price: Decimal | None) -> None:
        heeded = self._in_force.rules.heeds_max_price
        if heeded and max_price is not None and price > max_price:
            raise Refusal.of(No.PRICE_TOO_HIGH)
        allowed = account.config.max_active
        if account.active_rentals >= (
            self._in_force.rules.max_active if allowed is None else allowed
        ):
            raise Refusal.of(No.TOO_MANY_ACTIVE)
        account.charge(price)

    def _open(
        self,
        account: Account,
        service: Service,
        number: str,
        price: Decimal,
        again_of: int | None = None,
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
        )
        self._books.rentals[rental.id] = rental
        account.active_rentals += 1
        self._timeline.at(
            now + self._codes.delay(account, service.api_name), partial(self._arrive, rental.id)
        )
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


def _matching_area(wish: Wish) -> str | None:
    area_code = next((code for code in wish.area_codes if code in AREA_CODES), None)
    if area_code is None and wish.area_codes and wish.lock_area_code:
        raise Refusal.of(No.OUT_OF_STOCK)
    return area_code


def _matching_carrier(wish: Wish) -> str | None:
    carrier = wish.carrier if wish.carrier in CARRIERS else None
    if carrier is None and wish.carrier and wish.keep_carrier:
        raise Refusal.of(No.OUT_OF_STOCK)
    return carrier


def _with_surcharges(price: Decimal, carrier: str | None, area_code: str | None) -> Decimal:
    if carrier and area_code:
        return to_cents(price * TWO_MATCHES)
    return to_cents(price * ONE_MATCH) if carrier or area_code else price
