"""Long rentals, numbers rented for weeks: renting, renewing, cancelling, messages."""

from dataclasses import replace
from decimal import Decimal
from functools import partial

from adapters.simulator.provider.books import Books
from adapters.simulator.provider.config import LiveConfig
from adapters.simulator.provider.numbers import Numbers
from adapters.simulator.provider.records import NOTHING, Account, LongRental, LongStatus, Text
from adapters.simulator.provider.refusals import Reason, Refusal
from adapters.simulator.provider.timeline import Timeline

DAY = 86_400
DAYS = {"1w": 7, "2w": 14, "1m": 30, "1y": 365}


class LongRenting:
    """Operations on long rentals. Each raises `Refusal` before it changes anything."""

    def __init__(
        self, live: LiveConfig, books: Books, timeline: Timeline, numbers: Numbers
    ) -> None:
        self._live = live
        self._books = books
        self._timeline = timeline
        self._numbers = numbers

    def create(self, account: Account, period: str, auto_renew: bool) -> LongRental:
        """Rents a new number and charges its first period."""
        price = self._price(period)
        account.charge(price)
        now = self._timeline.now()
        rental = LongRental(
            id=self._books.new_long_rental_id(),
            account=account.key,
            number=self._numbers.draw(),
            price=price,
            period=period,
            auto_renew=auto_renew,
            rented_at=now,
            ends_at=now + DAYS[period] * DAY,
            paid=price,
        )
        self._save(rental)
        self._timeline.at(rental.ends_at, partial(self._on_end, rental.id))
        for sample in self._live.rules.sample_texts:
            arrival = partial(self.receive, rental.id, sample.sender, sample.text)
            self._timeline.at(now + sample.after, arrival)
        return rental

    def of_account(self, account: Account) -> list[LongRental]:
        """All long rentals of an account, ended ones included, in order of purchase."""
        return [
            rental for rental in self._books.long_rentals.values() if rental.account == account.key
        ]

    def renew(self, account: Account, rental_id: int | None) -> LongRental:
        """Adds a period after the present one and charges it now."""
        return self._extend(account, self._active(account, rental_id))

    def cancel(self, account: Account, rental_id: int | None) -> LongRental:
        """Ends a rental without a refund."""
        rental = self._active(account, rental_id)
        return self._save(replace(rental, status=LongStatus.CANCELLED, auto_renew=False))

    def set_auto_renew(
        self, account: Account, rental_id: int | None, auto_renew: bool
    ) -> LongRental:
        """Sets whether the rental renews itself at its end while the balance suffices."""
        return self._save(replace(self._active(account, rental_id), auto_renew=auto_renew))

    def texts(self, account: Account, rental_id: int | None) -> tuple[LongRental, list[Text]]:
        """The rental and its messages, the newest last; also after its end."""
        rental = self._books.long_rental(account, rental_id)
        return rental, self._books.texts.get(rental.id, [])

    def receive(self, rental_id: int, sender: str, text: str, at: float) -> None:
        """Delivers a message; it is lost when the rental has ended."""
        if self._books.long_rentals[rental_id].active:
            self._books.texts.setdefault(rental_id, []).append(Text(sender, text, at))

    def _on_end(self, rental_id: int, at: float) -> None:
        rental = self._books.long_rentals[rental_id]
        if not rental.active or at < rental.ends_at:
            return
        account = self._books.accounts[rental.account]
        if rental.auto_renew and account.balance >= self._price(rental.period):
            self._extend(account, rental)
        else:
            self._save(replace(rental, status=LongStatus.EXPIRED))

    def _extend(self, account: Account, rental: LongRental) -> LongRental:
        price = self._price(rental.period)
        account.charge(price)
        ends_at = rental.ends_at + DAYS[rental.period] * DAY
        self._timeline.at(ends_at, partial(self._on_end, rental.id))
        return self._save(replace(rental, price=price, ends_at=ends_at, paid=rental.paid + price))

    def _active(self, account: Account, rental_id: int | None) -> LongRental:
        rental = self._books.long_rental(account, rental_id)
        if not rental.active:
            raise Refusal.of(Reason.NOT_ACTIVE)
        return rental

    def _price(self, period: str) -> Decimal:
        price = self._live.rules.long_prices.get(period, NOTHING)
        if period not in DAYS or price <= NOTHING:
            raise Refusal.invalid("rental time")
        return price

    def _save(self, rental: LongRental) -> LongRental:
        self._books.long_rentals[rental.id] = rental
        return rental
