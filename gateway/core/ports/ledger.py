"""The port of the ledger: purchases, and the rentals they bought."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol, Unpack

from gateway.core.model.audit import AuditRecord
from gateway.core.model.hindrances import Hindrance
from gateway.core.model.purchases import (
    AnyRental,
    Intent,
    LedgerCounts,
    Outcome,
    Spend,
    Spent,
    View,
)
from gateway.core.model.rentals import CancelReason, CancelWish, Rental, RentalFilter
from gateway.core.model.usage import Tally, UsageGroup
from gateway.core.model.values import Kind


class Ledger(Protocol):
    """Stores purchases and rentals. Every method is one atomic, durable transaction.

    Raises LedgerUnavailable while the store is away, and Unstorable for a value it cannot hold.
    """

    async def probe(self, at: datetime) -> None:
        """Write a little, to see whether the ledger can be written."""

    async def begin(self, intent: Intent) -> Spend | Hindrance | None:
        """Store a purchase and reserve its price. Returns None where it was stored.

        A Spend: this caller has used the request id before (with any input); nothing was stored.
        A Breach: the limit that it would exceed, or why the rental cannot be replaced; nothing was
        stored. An AncestorBreach: the same of a limit of one of its `ancestors`, whose purchases
        include those of all keys made by theirs. A Duplicate: the purchase that an `unrepeated` one
        would repeat; nothing was stored.
        """

    async def breach(self, intent: Intent) -> Hindrance | None:
        """The limit that a purchase would exceed, or what it would repeat. Nothing is stored."""

    async def mark_sent(self, ledger_id: str, at: datetime) -> bool:
        """Mark it as sent: from now on it may have been charged.

        False: it is not open any more, because this process was taken for dead; it must not be
        sent.
        """

    async def settle(
        self, ledger_id: str, outcome: Outcome, at: datetime, audit: AuditRecord | None = None
    ) -> bool:
        """Store the outcome: answer, price instead of the reservation, what was bought.

        `audit`: who says so, where a person does.

        Only an open or unknown purchase can be settled; False for any other, which is unchanged.
        The answer stored for an unknown outcome is replaced by the one given here, if any. Where
        what was bought replaces a rental, that one is to be cancelled from then on, unless it has
        ended or has a code.
        """

    async def spend(self, ledger_id: str) -> Spend | None:
        """One purchase by its ledger id."""

    async def purchase_of(self, account_id: str, rental_id: int) -> Spend | None:
        """The purchase that brought a rental, by any caller of the account."""

    async def by_request(self, caller_id: str, request_id: str) -> Spend | None:
        """The purchase this caller made with this request id, until the id expires."""

    async def spends(
        self, limit: int, beginning: str = "", *, test: bool | None = None
    ) -> Sequence[Spend]:
        """The newest purchases of all callers, newest first.

        `beginning`: only those whose ledger id begins so. `test`: only those of test keys, or only
        the others.
        """

    async def unknown(self, account_id: str | None = None) -> Sequence[Spend]:
        """The purchases whose outcome is unknown, oldest first.

        None: of all accounts but that of test keys.
        """

    async def counts(self, at: datetime) -> LedgerCounts:
        """What stands open in the whole ledger, test keys left out. Cheap, whatever has ended."""

    async def unanswered(self, account_id: str) -> Sequence[Spend]:
        """The account's purchases that were sent and have no known outcome, oldest first."""

    async def recover(self, at: datetime) -> Sequence[Spend]:
        """Close the purchases that dead processes left open; return those that are now unknown.

        Sent ones become unknown, with a rental of status unknown; those never sent are released.
        """

    async def mark_undelivered(self, ledger_id: str, at: datetime) -> None:
        """Its caller disconnected before it received the answer."""

    async def mark_delivered(self, ledger_ids: Collection[str]) -> None:
        """Their answers were handed over.

        A redeliverable purchase without this mark is undelivered once the process that bought or
        redelivered it has died.
        """

    async def find_abandoned(
        self, caller_id: str, fingerprint: str, since: datetime, at: datetime
    ) -> Spend | None:
        """A purchase with this fingerprint, without a request id, whose caller got no answer.

        It is under way and its caller disconnected, or its outcome became unknown since `since`.
        Purchases that a dead process left open are closed first. None: there is no such purchase.
        """

    async def take_undelivered(
        self, caller_id: str, fingerprint: str, since: datetime
    ) -> Spend | None:
        """The newest such purchase bought and undelivered since then; each is returned once."""

    async def record(
        self, account_id: str, rental: AnyRental, at: datetime, *, refund_expired: bool = False
    ) -> AnyRental:
        """Merge the provider's state of a rental into the stored one, and return the result.

        Known fields are not lost where the provider omits them (code, service, number, price,
        creation). A rental or long rental not bought here is stored for the account. A rental that
        is cancelled refunds its price to its caller's budget, and so does one that expires without
        a code where `refund_expired`; each once.
        """

    async def give_up(self, account_id: str, rental_id: int, at: datetime) -> Rental | None:
        """End a rental as expired without a refund, because the provider does not tell its end.

        Returns it as it is then; None where it has ended or is not known, and nothing changed.
        What the provider tells later still counts, its refund too.
        """

    async def want_cancel(
        self, account_id: str, rental_id: int, reason: CancelReason, at: datetime, until: datetime
    ) -> CancelWish | None:
        """Write down that a rental is to be cancelled, and claim it for a try where it is due.

        Nobody else gets a claimed wish before `until`, when it is due again. A wish that stands
        is kept; one of the gateway's own (`unused`) gives way to any other. None: the rental is
        not known, is over or has a code; or the gateway has wanted it before.

        A code or an end ends the wish in the same transaction.
        """

    async def claim_cancels(
        self, account_id: str, at: datetime, until: datetime, limit: int
    ) -> Sequence[CancelWish]:
        """Claim the wishes that are due, those that were asked for first."""

    async def accounts_with_cancels(self) -> Sequence[tuple[str, datetime]]:
        """The accounts where wishes to cancel stand, each with the time the first is due."""

    async def count_cancels(self, account_id: str, until: datetime) -> int:
        """How many wishes that were asked for are due until then."""

    async def put_off_cancel(
        self, account_id: str, rental_id: int, due_at: datetime, available_at: datetime | None
    ) -> Rental | None:
        """A try failed: the wish is due again then. None where it does not stand any more.

        `available_at`: from when the provider allows it, as far as is known.
        """

    async def drop_cancel(
        self, account_id: str, rental_id: int, reason: CancelReason
    ) -> Rental | None:
        """End a wish of this reason; None where none stands. The gateway's own does not return."""

    async def record_refund(
        self, ledger_id: str, amount: Decimal, at: datetime, audit: AuditRecord | None = None
    ) -> bool:
        """Write down that so much of a purchase came back, as an operator knows; no money moves.

        False, and nothing changes, where it was not bought, was refunded before, or the amount is
        zero or above what was charged.
        """

    async def unended(self, account_id: str) -> Sequence[Rental]:
        """The account's rentals whose end is not known, oldest first, also those not bought here.

        Only those with a provider's id; long rentals are none of them.
        """

    async def accounts_with_unended(self) -> Sequence[str]:
        """The ids of the accounts that have such rentals."""

    async def find(self, view: View, kind: Kind, provider_id: int) -> AnyRental | None:
        """One rental, if it is in the view."""

    async def is_bought(self, account_id: str, kind: Kind, provider_id: int) -> bool:
        """Whether a rental was bought through the gateway, by any caller of the account."""

    async def all_rentals(self, view: View, kind: Kind) -> Sequence[AnyRental]:
        """All rentals of a kind in the view that have a provider's id."""

    async def list_rentals(
        self,
        view: View,
        *,
        limit: int,
        before: str | None,
        **only: Unpack[RentalFilter],
    ) -> Sequence[Rental]:
        """Rentals, newest first, those of unknown outcome included; `before` is a ledger_id."""

    async def usage(
        self, view: View, by: UsageGroup, since: datetime | None, until: datetime | None
    ) -> Mapping[str | None, Tally]:
        """What the purchases of a view came to, by group; those under way and unknown included.

        Only purchases made at `since` or later and before `until`. A purchase is read once, at one
        moment; others may be read at other moments. A view of one caller is of all its purchases,
        whatever the account, as `spending` is. Groups are service codes, days as 2026-11-29, caller
        ids, or references; None: none.
        """

    async def spending(self, caller_id: str, at: datetime) -> Spent:
        """What the caller spent on the UTC day of `at`, and in total."""

    async def purge(self, before: datetime, requests_before: datetime) -> int:
        """Delete codes, texts and stored answers older than `before`; money entries stay.

        Request ids of settled purchases older than `requests_before` are deleted. Returns the
        number of rows changed.
        """
