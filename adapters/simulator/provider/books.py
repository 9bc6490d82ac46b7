"""The provider's state: accounts and rentals by key and id, and the money paid and refunded."""

from collections.abc import Iterable
from decimal import Decimal

from adapters.simulator.provider.config import AccountConfig
from adapters.simulator.provider.records import NOTHING, Account, LongRental, Rental, Text
from adapters.simulator.provider.refusals import Reason, Refusal


class Books:
    """Accounts by key, rentals and long rentals by id, messages by long rental."""

    def __init__(
        self, accounts: Iterable[AccountConfig], first_rental_id: int, first_long_rental_id: int
    ) -> None:
        self.accounts: dict[str, Account] = {}
        self.rentals: dict[int, Rental] = {}
        self.long_rentals: dict[int, LongRental] = {}
        self.texts: dict[int, list[Text]] = {}
        self._next_rental_id = first_rental_id
        self._first_long_rental_id = first_long_rental_id
        for account in accounts:
            self.open_account(account)

    def open_account(self, config: AccountConfig) -> Account:
        """Adds a customer; raises ValueError when the key is taken."""
        if config.key in self.accounts:
            raise ValueError(f"there is an account with the key {config.key} already")
        account = Account(config, deposited=config.balance)
        self.accounts[config.key] = account
        return account

    def account(self, key: str | None) -> Account:
        """The account of a key. Raises `Refusal`."""
        if not key:
            raise Refusal.of(Reason.NO_AUTH)
        account = self.accounts.get(key)
        if account is None or account.config.restricted:
            raise Refusal.of(Reason.WRONG_KEY)
        return account

    def new_rental_id(self) -> int:
        """The next id; all accounts share one sequence."""
        self._next_rental_id += 1
        return self._next_rental_id - 1

    def new_long_rental_id(self) -> int:
        """The next id of a long rental; all accounts share one sequence."""
        return self._first_long_rental_id + len(self.long_rentals)

    def rental(self, account: Account, rental_id: int | None) -> Rental:
        """This account's rental. Raises `Refusal`."""
        rental = self.rentals.get(rental_id) if rental_id is not None else None
        if rental is None:
            raise Refusal.of(Reason.RENTAL_NOT_FOUND)
        if rental.account != account.key:
            raise Refusal.of(Reason.WRONG_OWNER)
        return rental

    def long_rental(self, account: Account, rental_id: int | None) -> LongRental:
        """This account's long rental. Raises `Refusal`."""
        rental = self.long_rentals.get(rental_id) if rental_id is not None else None
        if rental is None:
            raise Refusal.of(Reason.RENTAL_NOT_FOUND)
        if rental.account != account.key:
            raise Refusal.of(Reason.WRONG_OWNER)
        return rental

    @property
    def spent(self) -> Decimal:
        """Everything ever charged, refunds not subtracted."""
        return sum((account.spent for account in self.accounts.values()), NOTHING)

    @property
    def refunded(self) -> Decimal:
        """Everything ever refunded."""
        return sum((account.refunded for account in self.accounts.values()), NOTHING)
