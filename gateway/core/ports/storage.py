"""Ports of what is stored besides the ledger: keys, accounts, webhooks, leases, events, limits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from gateway.core.model.audit import AuditEntry, AuditRecord
from gateway.core.model.callers import GatewayKey
from gateway.core.model.events import Event, EventType
from gateway.core.model.purchases import View


class Unstorable(ValueError):
    """A value that the store cannot hold, such as a text with a NUL; nothing was written.

    A method of a port raises it for its arguments, and LedgerUnavailable while the store is away.
    """


class NameTaken(ValueError):
    """A living key has the name of a new one, which was not stored. `key_id`: that key's."""

    def __init__(self, key_id: str) -> None:
        super().__init__(key_id)
        self.key_id = key_id


class Keys(Protocol):
    """Stores the gateway's own API keys, by their hashes."""

    async def create(self, key: GatewayKey, audit: AuditRecord | None = None) -> None:
        """Store a new key. Raises NameTaken where a key that is living then has its name.

        Names are compared as they are shown: without spaces around them, by case. Of two processes
        at once, one stores its key. An expired key of that name is revoked, as of its end.
        """

    async def find(self, hashed: str) -> GatewayKey | None:
        """The key whose secret, or whose secret before, has this hash; also where it has ended."""

    async def of_caller(self, caller_id: str) -> GatewayKey | None:
        """The key whose caller has this id, revoked ones included."""

    async def by_id(self, key_id: str) -> GatewayKey | None:
        """The key with this id, revoked ones included."""

    async def all(self) -> Sequence[GatewayKey]:
        """Every key, oldest first."""

    async def change(
        self,
        key_id: str,
        made: Callable[[GatewayKey], GatewayKey],
        at: datetime,
        audit: AuditRecord | None = None,
    ) -> GatewayKey | None:
        """Store what `made` makes of a key, and return it; None where no unrevoked key has the id.

        `made` may run more than once, and what it raises changes nothing. Raises NameTaken.
        """

    async def revoke(self, key_id: str, at: datetime, audit: AuditRecord | None = None) -> bool:
        """Revoke a key; False where no unrevoked key has this id."""

    async def version(self) -> str:
        """A text that is another one after every change of any key."""
        ...


class AuditTrail(Protocol):
    """Reads what was done. Entries are written in the transaction of what they tell."""

    async def page(
        self, *, subject: str | None, before: int | None, limit: int
    ) -> Sequence[AuditEntry]:
        """The entries with an id below `before`, newest first."""
        ...


class Accounts(Protocol):
    """Remembers the accounts whose keys the provider has accepted."""

    async def is_accepted(self, account_id: str) -> bool:
        """Whether the account was accepted before, by any node."""

    async def accept(self, account_id: str, at: datetime) -> None:
        """Remember that the provider accepted the account's key; again it changes nothing."""


class Events(Protocol):
    """Reads events. They are written in the transaction of the change they report."""

    async def events(self, view: View, after: int, limit: int) -> Sequence[Event]:
        """The view's events with an id above `after`, oldest first.

        Types that this version does not know are left out, here and in `page`.
        """

    async def page(
        self,
        view: View,
        *,
        type: EventType | None,
        rental_id: int | None,
        after: int | None,
        before: int | None,
        limit: int,
    ) -> Sequence[Event]:
        """The view's events with an id above `after` and below `before`, newest first."""

    async def last_event(self) -> int:
        """The highest event id; 0 where there are no events."""

    async def last_deleted(self, account_id: str) -> int:
        """The highest id of the account's events that were deleted; 0 where none was."""


@dataclass(frozen=True, slots=True)
class ProvisionalCode:
    """A code from a webhook. It may have lost leading zeros."""

    code: str
    received_at: datetime


class Inbox(Protocol):
    """Stores codes from webhooks, also for rentals that are not known yet."""

    async def keep(self, account_id: str, rental_id: int, seen: ProvisionalCode) -> None:
        """Store a code, unless one equal to it but for leading zeros came before."""

    async def latest(self, account_id: str, rental_id: int) -> ProvisionalCode | None:
        """The newest code; None where the rental's status has told it exactly since."""

    async def announced(self, account_id: str, rental_id: int, code: str) -> bool:
        """Whether a webhook brought this code, leading zeros apart."""


@dataclass(frozen=True, slots=True)
class ForwardedWebhook:
    """A received webhook and the URL it is forwarded to. The query is without its "?"."""

    id: int
    target: str
    query: str
    content_type: str
    body: bytes
    tries: int


class Outbox(Protocol):
    """The outbox of webhooks to forward: stored until delivered or given up."""

    async def add(
        self, targets: Sequence[str], query: str, content_type: str, body: bytes, at: datetime
    ) -> None:
        """Add one delivery for each target."""

    async def due(self, at: datetime, until: datetime, limit: int) -> Sequence[ForwardedWebhook]:
        """Claim due deliveries: no other process gets them before `until`. Increments `tries`."""

    async def put_off(self, delivery_id: int, at: datetime) -> None:
        """A delivery failed: it is due again at `at`."""

    async def done(self, delivery_id: int) -> None:
        """Remove a delivery that succeeded or was given up."""


class Balances(Protocol):
    """Remembers of each account whether its balance is low, as any node has seen."""

    async def judge(
        self,
        account_id: str,
        balance: Decimal,
        threshold: Decimal,
        *,
        asked_at: datetime,
        at: datetime,
    ) -> bool:
        """Note a balance that was asked for at `asked_at`, and known at `at`.

        Writes `balance.low` where it has fallen below the threshold. An answer that was asked for
        before the last turn was known changes nothing: it may be older. Returns whether the balance
        is low, as far as is known.
        """
        ...


class Leases(Protocol):
    """Leases, so that only one node does some work at a time.

    They save work and calls, and guard nothing that must not happen twice: a store of one machine
    grants them to all nodes while it fails.
    """

    async def take(self, name: str, seconds: float) -> bool:
        """Acquire or extend a lease; False while another node holds it."""

    async def give_back(self, name: str) -> None:
        """Release a lease of this node before it expires."""


class SharedBuckets(Protocol):
    """Rate limits shared by several nodes, measured by the store's clock."""

    def alone(self) -> bool:
        """Whether no other node shares them now, so that places need not be taken here.

        Cheap: it is asked before every grant. Other nodes take no place before the grants of this
        one, made while it was alone, are a window old.
        """
        ...

    async def take(self, bucket: str, places: int, window: float) -> float:
        """Take a place: 0.0 where it is granted, else the seconds after which to retry.

        At most `places` are granted in every sliding `window` of seconds, over all nodes: from one
        grant to the `places`-th after it at least `window` seconds pass. `window` includes the
        margin. A log of the last `places` grants satisfies this, and so does a GCRA without a burst
        (interval `window / places`); a GCRA with a burst of `places` does not. A granted place is
        never returned. May raise any exception when the store fails; it is cancelled after a second
        without a result.
        """
        ...
