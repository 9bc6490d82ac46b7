"""The records in the books: accounts, rentals, long rentals, messages."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from adapters.simulator.provider.config import AccountConfig
from adapters.simulator.provider.refusals import Reason, Refusal

NOTHING = Decimal("0.00")


class RentalStatus(StrEnum):
    """The status of a rental; a code does not change it."""

    ACTIVE = "active"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    EXPIRED = "expired"


class LongStatus(StrEnum):
    """The status of a long rental, capitalised as on the API page."""

    ACTIVE = "Active"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"


@dataclass(slots=True)
class Account:
    """A customer's money and number of active rentals."""

    config: AccountConfig
    deposited: Decimal = NOTHING
    spent: Decimal = NOTHING
    refunded: Decimal = NOTHING
    active_rentals: int = 0

    @property
    def key(self) -> str:
        """The API key."""
        return self.config.key

    @property
    def balance(self) -> Decimal:
        """The money left: `deposited - spent + refunded`."""
        return self.deposited - self.spent + self.refunded

    def charge(self, amount: Decimal) -> None:
        """Takes the amount. Raises `Refusal` when the balance is too low."""
        if amount > self.balance:
            raise Refusal.of(Reason.INSUFFICIENT_FUNDS)
        self.spent += amount

    def refund(self, amount: Decimal) -> None:
        """Adds the amount to the balance."""
        self.refunded += amount


@dataclass(frozen=True, slots=True)
class Code:
    """A code and the instant it arrived."""

    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Rental:
    """A number rented for minutes for one service. Instants are seconds since 1970.

    `silent`: its number gets no code by itself; the control endpoint can still deliver one.
    """

    id: int
    account: str
    service: str
    service_name: str
    number: str
    price: Decimal
    rented_at: float
    ends_at: float
    status: RentalStatus = RentalStatus.ACTIVE
    codes: tuple[Code, ...] = ()
    refunded: Decimal = NOTHING
    ended_at: float | None = None
    again_of: int | None = None
    silent: bool = False

    @property
    def active(self) -> bool:
        """Whether the rental has not ended yet."""
        return self.status is RentalStatus.ACTIVE

    @property
    def code(self) -> str | None:
        """The newest code, which replaces the earlier ones."""
        return self.codes[-1].text if self.codes else None

    @property
    def code_at(self) -> float | None:
        """The instant the newest code arrived."""
        return self.codes[-1].at if self.codes else None


@dataclass(frozen=True, slots=True)
class LongRental:
    """A number rented for weeks; `paid` includes its renewals."""

    id: int
    account: str
    number: str
    price: Decimal
    period: str
    auto_renew: bool
    rented_at: float
    ends_at: float
    paid: Decimal
    status: LongStatus = LongStatus.ACTIVE

    @property
    def active(self) -> bool:
        """Whether the rental has not ended yet."""
        return self.status is LongStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class Text:
    """A message to a long rental's number."""

    sender: str
    text: str
    at: float
