"""The core's port `Ledger`, over a database."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Unpack

from adapters.store.sql import codec
from adapters.store.sql.database import AlarmReports, Database
from adapters.store.sql.statement import Tx
from adapters.store.tables import audit as audits
from adapters.store.tables import (
    budgets,
    cancels,
    checks,
    counts,
    delivery,
    purchase_lists,
    purchases,
    refunds,
    rentals,
    retention,
    settlement,
    usage,
    views,
)
from adapters.store.tables.families import Families
from gateway.core.model.audit import AuditRecord
from gateway.core.model.events import Alarm
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
from gateway.core.model.values import Kind, amount_of

NewId = Callable[[datetime], str]
"""Makes a ledger_id: text that sorts by time."""


class StoredLedger:
    """Each method is one transaction; the statements are in the modules beside this one."""

    def __init__(
        self, database: Database, new_id: NewId, alarms: AlarmReports | None = None
    ) -> None:
        """`new_id` makes the ledger_id of a rental that was not bought here.

        `alarms` are told once they are written.
        """
        self._alarms = alarms or AlarmReports()
        self._database = database
        self._new_id = new_id
        self._kin = Families()

    async def probe(self, at: datetime) -> None:
        now = codec.to_instant(at)
        await self._database.alone(lambda tx: checks.put_probe(tx, now))

    async def begin(self, intent: Intent) -> Spend | Hindrance | None:
        owner = self._database.liveness.own_id
        if not purchases.counts(intent):
            return await self._put(intent, owner)
        while True:
            try:
                await self._database.write(lambda tx: purchases.begin(tx, intent, owner))
            except purchases.Rejected as rejected:
                return rejected.answer
            except purchases.JustFreed:
                continue
            return None

    async def breach(self, intent: Intent) -> Hindrance | None:
        return await self._database.read(lambda tx: purchases.breach(tx, intent))

    async def _put(self, intent: Intent, owner: str) -> Spend | None:
        """One statement: nothing has to be summed up or checked first."""
        while not await self._database.alone(lambda tx: purchases.put(tx, intent, owner)):
            assert intent.request_id is not None  # noqa: S101 - the only possible conflict
            before = await self.by_request(intent.caller_id, intent.request_id)
            if before is not None:
                return before
            # The request id has just become free: try again.
        return None

    async def mark_sent(self, ledger_id: str, at: datetime) -> bool:
        now = codec.to_instant(at)
        return await self._database.alone(lambda tx: purchases.mark_sent(tx, ledger_id, now))

    async def settle(
        self, ledger_id: str, outcome: Outcome, at: datetime, audit: AuditRecord | None = None
    ) -> bool:
        now = codec.to_instant(at)

        async def settled(tx: Tx) -> Sequence[Alarm] | None:
            alarms = await settlement.settle(tx, ledger_id, outcome, now)
            if audit is not None and alarms is not None:
                await audits.write(tx, audit)
            return alarms

        alarms = await self._database.write(settled)
        if alarms:
            self._alarms.tell(alarms)
        return alarms is not None

    async def spend(self, ledger_id: str) -> Spend | None:
        return await self._database.read(lambda tx: purchases.by_id(tx, ledger_id))

    async def purchase_of(self, account_id: str, rental_id: int) -> Spend | None:
        return await self._database.read(lambda tx: purchases.of_rental(tx, account_id, rental_id))

    async def by_request(self, caller_id: str, request_id: str) -> Spend | None:
        return await self._database.read(lambda tx: purchases.by_request(tx, caller_id, request_id))

    async def spends(
        self, limit: int, beginning: str = "", *, test: bool | None = None
    ) -> Sequence[Spend]:
        return await self._database.read(
            lambda tx: purchase_lists.newest(tx, limit, beginning, test)
        )

    async def unknown(self, account_id: str | None = None) -> Sequence[Spend]:
        return await self._database.read(lambda tx: purchase_lists.unknown(tx, account_id))

    async def counts(self, at: datetime) -> LedgerCounts:
        now = codec.to_instant(at)
        return await self._database.read(lambda tx: counts.read(tx, now))

    async def unanswered(self, account_id: str) -> Sequence[Spend]:
        return await self._database.read(lambda tx: purchase_lists.unanswered(tx, account_id))

    async def recover(self, at: datetime) -> Sequence[Spend]:
        now, liveness = codec.to_instant(at), self._database.liveness
        unknown, alarms = await self._database.write(
            lambda tx: settlement.recover(tx, liveness, now)
        )
        self._alarms.tell(alarms)
        return unknown

    async def mark_undelivered(self, ledger_id: str, at: datetime) -> None:
        now = codec.to_instant(at)
        await self._database.alone(lambda tx: delivery.mark_undelivered(tx, ledger_id, now))

    async def mark_delivered(self, ledger_ids: Collection[str]) -> None:
        await self._database.write(lambda tx: delivery.mark_delivered(tx, ledger_ids))

    async def find_abandoned(
        self, caller_id: str, fingerprint: str, since: datetime, at: datetime
    ) -> Spend | None:
        after, liveness = codec.to_instant(since), self._database.liveness
        if await self._database.read(
            lambda tx: settlement.left_by_dead(tx, liveness, caller_id, fingerprint)
        ):
            await self.recover(at)
        return await self._database.read(
            lambda tx: delivery.find_abandoned(tx, caller_id, fingerprint, after)
        )

    async def take_undelivered(
        self, caller_id: str, fingerprint: str, since: datetime
    ) -> Spend | None:
        after, owner = codec.to_instant(since), self._database.liveness.own_id
        return await self._database.alone(
            lambda tx: delivery.take_undelivered(tx, caller_id, fingerprint, after, owner)
        )

    async def record(
        self, account_id: str, rental: AnyRental, at: datetime, *, refund_expired: bool = False
    ) -> AnyRental:
        if rental.id is None:
            return rental
        # Most statuses bring no news: this read saves a durable write for each of them.
        now = codec.to_instant(at)
        known = await self._database.read(
            lambda tx: rentals.unchanged(tx, account_id, rental, now, refund_expired)
        )
        if known is not None:
            return known
        ledger_id = self._new_id(at)
        return await self._database.write(
            lambda tx: rentals.merge(
                tx, account_id, rental, now, ledger_id=ledger_id, refund_expired=refund_expired
            )
        )

    async def give_up(self, account_id: str, rental_id: int, at: datetime) -> Rental | None:
        now = codec.to_instant(at)
        return await self._database.write(
            lambda tx: rentals.give_up(tx, account_id, rental_id, now)
        )

    async def want_cancel(
        self, account_id: str, rental_id: int, reason: CancelReason, at: datetime, until: datetime
    ) -> CancelWish | None:
        now, then = codec.to_instant(at), codec.to_instant(until)
        return await self._database.write(
            lambda tx: cancels.want_and_claim(tx, account_id, rental_id, reason, now, then)
        )

    async def claim_cancels(
        self, account_id: str, at: datetime, until: datetime, limit: int
    ) -> Sequence[CancelWish]:
        now, then = codec.to_instant(at), codec.to_instant(until)
        return await self._database.alone(
            lambda tx: cancels.claim_due(tx, account_id, now, then, limit)
        )

    async def accounts_with_cancels(self) -> Sequence[tuple[str, datetime]]:
        return await self._database.read(cancels.accounts)

    async def count_cancels(self, account_id: str, until: datetime) -> int:
        then = codec.to_instant(until)
        return await self._database.read(lambda tx: cancels.count(tx, account_id, then))

    async def put_off_cancel(
        self, account_id: str, rental_id: int, due_at: datetime, available_at: datetime | None
    ) -> Rental | None:
        due = codec.to_instant(due_at)
        then = None if available_at is None else codec.to_instant(available_at)
        return await self._database.write(
            lambda tx: cancels.put_off(tx, account_id, rental_id, due, then)
        )

    async def drop_cancel(
        self, account_id: str, rental_id: int, reason: CancelReason
    ) -> Rental | None:
        return await self._database.write(
            lambda tx: cancels.drop(tx, account_id, rental_id, reason)
        )

    async def record_refund(
        self, ledger_id: str, amount: Decimal, at: datetime, audit: AuditRecord | None = None
    ) -> bool:
        micros, now = codec.to_micros(amount) or 0, codec.to_instant(at)

        async def recorded(tx: Tx) -> bool:
            done = await refunds.record(tx, ledger_id, micros, now)
            if audit is not None and done:
                await audits.write(tx, audit)
            return done

        return await self._database.write(recorded)

    async def unended(self, account_id: str) -> Sequence[Rental]:
        return await self._database.read(lambda tx: views.find_unended(tx, account_id))

    async def accounts_with_unended(self) -> Sequence[str]:
        return await self._database.read(views.accounts_with_unended)

    async def find(self, view: View, kind: Kind, provider_id: int) -> AnyRental | None:
        return await self._database.read(
            lambda tx: views.find(tx, self._kin, view, kind, provider_id)
        )

    async def is_bought(self, account_id: str, kind: Kind, provider_id: int) -> bool:
        return await self._database.read(
            lambda tx: views.is_bought(tx, account_id, kind, provider_id)
        )

    async def all_rentals(self, view: View, kind: Kind) -> Sequence[AnyRental]:
        return await self._database.read(lambda tx: views.find_all(tx, self._kin, view, kind))

    async def list_rentals(
        self,
        view: View,
        *,
        limit: int,
        before: str | None,
        **only: Unpack[RentalFilter],
    ) -> Sequence[Rental]:
        return await self._database.read(
            lambda tx: views.list_rentals(tx, self._kin, view, only, limit, before)
        )

    async def usage(
        self, view: View, by: UsageGroup, since: datetime | None, until: datetime | None
    ) -> Mapping[str | None, Tally]:
        return await usage.tallies(self._database, self._kin, view, by, since, until)

    async def spending(self, caller_id: str, at: datetime) -> Spent:
        now = codec.to_instant(at)
        today, total = await self._database.read(lambda tx: budgets.read(tx, caller_id, now))
        return Spent(amount_of(today), amount_of(total))

    async def purge(self, before: datetime, requests_before: datetime) -> int:
        old, older = codec.to_instant(before), codec.to_instant(requests_before)
        return await self._database.write(lambda tx: retention.purge(tx, old, older))
