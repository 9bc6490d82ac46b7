"""What the books hold: accounts, rentals, long rentals, messages."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from adapters.simulator.provider.config import AccountConfig
from adapters.simulator.provider.refusals import No, Refusal

NOTHING = Decimal("0.00")


class RentalStatus(StrEnum):
    """What a status call says of a rental; a code does not change it."""

    ACTIVE = "active"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    EXPIRED = "expired"


class LongStatus(StrEnum):
    """The same for long rentals, in capitals as the page has them."""

    ACTIVE = "Active"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"


@dataclass(slots=True)
class Account:
    """A customer's purse; `balance` is always `deposited - spent + refunded`."""

    config: AccountConfig
    deposited: Decimal = NOTHING
    spent: Decimal = NOTHING
    refunded: Decimal = NOTHING
    active_rentals: int = 0

    @property
    def key(self) -> str:
        """What the customer signs with."""
        return self.config.key

    @property
    def balance(self) -> Decimal:
        """What is left."""
        return self.deposited - self.spent + self.refunded

    def charge(self, amount: Decimal) -> None:
        """Takes the amount, or refuses and takes nothing."""
        if amount > self.balance:
            raise Refusal.of(No.INSUFFICIENT_FUNDS)
        self.spent += amount

    def refund(self, amount: Decimal) -> None:
        """Gives the amount back."""
        self.refunded += amount


@dataclass(frozen=True, slots=True)
class Code:
    """One code and when it came."""

    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Rental:
    """A number rented for one service for minutes. Instants are seconds since 1970."""

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

    @property
    def active(self) -> bool:
        """Whether it has not ended yet."""
        return self.status is RentalStatus.ACTIVE

    @property
    def code(self) -> str | None:
        """The newest code: a later one overwrites the earlier."""
        return self.codes[-1].text if self.codes else None

    @property
    def code_at(self) -> float | None:
        """When the newest code came."""
        return self.codes[-1].at if self.codes else None


@dataclass(frozen=True, slots=True)
class LongRental:
    """A number rented for weeks; `paid` is all that was ever paid for it."""

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
        """Whether it has not ended yet."""
        return self.status is LongStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class Text:
    """A message to a long rental's number."""

    sender: str
    text: str
    at: float
