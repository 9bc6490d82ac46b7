"""What the core needs of the world, in its own words. Adapters fit; they do not inherit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gateway.core.account import Balance
    from gateway.core.long_rentals import CreateLongRental, LongRental, Message
    from gateway.core.prices import Price
    from gateway.core.rentals import Rental, RentNumber


class Provider(Protocol):
    """The provider as one account sees it. Every method is one call; none is ever repeated.

    Each raises the core's errors; where the call was a purchase and its answer was lost,
    OutcomeUnknown.
    """

    async def list_prices(self) -> list["Price"]: ...
    async def get_balance(self) -> "Balance": ...
    async def rent_number(self, asked: "RentNumber") -> "Rental": ...
    async def rent_again(self, rental_id: int) -> "Rental": ...
    async def get_rental(self, rental_id: int) -> "Rental": ...
    async def cancel_rental(self, rental_id: int) -> "Rental": ...
    async def complete_rental(self, rental_id: int) -> "Rental": ...
    async def list_long_rentals(self) -> list["LongRental"]: ...
    async def create_long_rental(self, asked: "CreateLongRental") -> "LongRental": ...
    async def renew_long_rental(self, long_rental_id: int) -> "LongRental": ...
    async def cancel_long_rental(self, long_rental_id: int) -> "LongRental": ...
    async def set_auto_renew(self, long_rental_id: int, auto_renew: bool) -> "LongRental": ...
    async def list_messages(self, long_rental_id: int) -> list["Message"]: ...


Connect = Callable[[str], Provider]
"""Gives the provider as the account with this key sees it; opens nothing."""


class Clock(Protocol):
    """The time, so that tests can hold it."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...


@dataclass(frozen=True, slots=True)
class SeenCode:
    """A code that a webhook told. It may have lost leading zeros."""

    code: str
    received_at: datetime


class Inbox(Protocol):
    """Keeps what webhooks told of codes, also of rentals nobody has heard of yet."""

    async def keep(self, account_id: str, rental_id: int, seen: SeenCode) -> None: ...
    async def latest(self, account_id: str, rental_id: int) -> SeenCode | None: ...


@dataclass(frozen=True, slots=True)
class Letter:
    """A webhook as it came, on its way to where it is passed on. The query is without its "?"."""

    id: int
    target: str
    query: str
    content_type: str
    body: bytes
    tries: int


class Outbox(Protocol):
    """Keeps webhooks that are to be passed on, until they are or are given up."""

    async def add(
        self, targets: Sequence[str], query: str, content_type: str, body: bytes, at: datetime
    ) -> None:
        """Keep one letter for each target."""

    async def due(self, at: datetime, until: datetime, limit: int) -> Sequence[Letter]:
        """Letters that are due; nobody else gets them before `until`, and `tries` counts this."""

    async def put_off(self, letter_id: int, at: datetime) -> None:
        """It could not be delivered: due again then."""

    async def done(self, letter_id: int) -> None:
        """It was delivered, or is given up."""


class Leases(Protocol):
    """Says which node does a thing that only one should do."""

    async def take(self, name: str, seconds: float) -> bool:
        """Take or keep a lease for so long; False while another node has it."""

    async def give_back(self, name: str) -> None:
        """End a lease of our own before its time."""


class Observer(Protocol):
    """Told of what happens, for metrics. Must not fail and must be quick."""

    def operation_ended(self, operation: str, outcome: str) -> None: ...
    def prices_looked_up(self, found: str) -> None: ...
    def ledger_failed(self, ledger_id: str, fault: Exception) -> None: ...
    def charged_above(self, ledger_id: str, reserved: Decimal, charged: Decimal) -> None: ...
    def background_failed(self, work: str, fault: BaseException) -> None: ...
    def times_compared(self, off: timedelta) -> None: ...
