"""The port behind which purchases and rentals are kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from gateway.core.model.purchases import AnyRental, Breach, Intent, Outcome, Spend, Spent, View
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.model.values import Kind


class Ledger(Protocol):
    """Remembers purchases and what was bought. Every method is one atomic, durable step."""

    async def begin(self, intent: Intent) -> Spend | Breach | None:
        """Write a purchase down and reserve its money. None: written, go on.

        A Spend: the same caller has used this request id before (whatever the input), nothing
        was written. A Breach: it would pass this limit, nothing was written.
        """

    async def mark_sent(self, ledger_id: str, at: datetime) -> bool:
        """From here on it may have been charged.

        False: it is not open any more, because this process was taken for dead. Do not send it.
        """

    async def settle(self, ledger_id: str, outcome: Outcome, at: datetime) -> bool:
        """Write the end down: the answer, the price in place of the reservation, what was bought.

        Only an open or unknown purchase can be settled; a settled one stays as it is: False. An
        answer kept for an unknown outcome gives way to the one given here, if any.
        """

    async def spend(self, ledger_id: str) -> Spend | None:
        """One purchase."""

    async def by_request(self, caller_id: str, request_id: str) -> Spend | None:
        """The purchase this caller made under this request id, while it is kept."""

    async def spends(self, limit: int) -> Sequence[Spend]:
        """The newest purchases of all callers, newest first."""

    async def unknown(self, account_id: str | None = None) -> Sequence[Spend]:
        """The purchases whose outcome is unknown, oldest first."""

    async def unanswered(self, account_id: str) -> Sequence[Spend]:
        """The account's purchases that were sent and have no answer, yet or ever, oldest first."""

    async def recover(self, at: datetime) -> Sequence[Spend]:
        """Find purchases that a process left open when it died; answer those now unknown.

        Sent ones become unknown, with a rental of status unknown; those never sent are released.
        """

    async def mark_undelivered(self, ledger_id: str, at: datetime) -> None:
        """Its asker has hung up: before the answer came, or without taking it."""

    async def find_abandoned(
        self, caller_id: str, fingerprint: str, since: datetime, at: datetime
    ) -> Spend | None:
        """A purchase like this, without a request id, whose asker did not get an answer.

        It is under way and its asker has hung up, or its answer was lost since then. What a dead
        process left open is ended first. None: nothing like it was sent and left so.
        """

    async def take_undelivered(
        self, caller_id: str, fingerprint: str, since: datetime
    ) -> Spend | None:
        """The newest bought purchase like this, undelivered since then: once, to one taker."""

    async def record(self, account_id: str, rental: AnyRental, at: datetime) -> AnyRental:
        """Merge what the provider said of a rental into what is known, and return the whole.

        Known facts are not lost where the provider is silent (code, service, number, price,
        creation). A rental or long rental not bought here is written down as the account's. A
        rental that is cancelled for the first time gives its price back to its caller's budget.
        """

    async def find(self, view: View, kind: Kind, provider_id: int) -> AnyRental | None:
        """One rental, where the view holds it."""

    async def is_bought(self, account_id: str, kind: Kind, provider_id: int) -> bool:
        """Whether a rental was bought here, by whomever of the account."""

    async def all_rentals(self, view: View, kind: Kind) -> Sequence[AnyRental]:
        """All rentals of a kind in the view that have a provider's id."""

    async def list_rentals(
        self,
        view: View,
        *,
        status: RentalStatus | None,
        service_code: str | None,
        limit: int,
        before: str | None,
        number: str | None = None,
    ) -> Sequence[Rental]:
        """Rentals, newest first, those of unknown outcome included; `before` is a ledger_id."""

    async def spending(self, caller_id: str, at: datetime) -> Spent:
        """What the caller spent on that UTC day, and in all."""

    async def purge(self, before: datetime, requests_before: datetime) -> int:
        """Delete codes, texts and stored answers older than `before`; money entries stay.

        Request ids of settled purchases older than `requests_before` are forgotten. Answers how
        many rows it touched.
        """
