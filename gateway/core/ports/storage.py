"""Ports of what is stored besides the ledger: keys, webhooks, leases, events, shared limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.core.model.callers import GatewayKey
from gateway.core.model.events import Event
from gateway.core.model.purchases import View


class Keys(Protocol):
    """Stores the gateway's own keys."""

    async def create(self, key: GatewayKey) -> None:
        """Keep a new key."""

    async def find(self, hashed: str) -> GatewayKey | None:
        """The key with this hash, revoked ones included."""

    async def all(self) -> Sequence[GatewayKey]:
        """Every key, oldest first."""

    async def revoke(self, id_or_name: str, at: datetime) -> bool:
        """Revoke a key; False where there is none to revoke."""


class Events(Protocol):
    """Events are written together with what they tell of, so none is lost."""

    async def events(self, view: View, after: int, limit: int) -> Sequence[Event]:
        """The view's events with a greater id, oldest first."""

    async def last_event(self) -> int:
        """The greatest id there is; 0 where there is none."""


@dataclass(frozen=True, slots=True)
class ProvisionalCode:
    """A code that a webhook told. It may have lost leading zeros."""

    code: str
    received_at: datetime


class Inbox(Protocol):
    """Stores codes told by webhooks, also of rentals that are not known yet."""

    async def keep(self, account_id: str, rental_id: int, seen: ProvisionalCode) -> None: ...
    async def latest(self, account_id: str, rental_id: int) -> ProvisionalCode | None: ...


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """A webhook as it came, and where it is forwarded to. The query is without its "?"."""

    id: int
    target: str
    query: str
    content_type: str
    body: bytes
    tries: int


class Outbox(Protocol):
    """The outbox of webhooks to forward: kept until delivered or given up."""

    async def add(
        self, targets: Sequence[str], query: str, content_type: str, body: bytes, at: datetime
    ) -> None:
        """Add one delivery for each target."""

    async def due(self, at: datetime, until: datetime, limit: int) -> Sequence[WebhookDelivery]:
        """Deliveries that are due; nobody else gets them before `until`; `tries` counts this."""

    async def put_off(self, delivery_id: int, at: datetime) -> None:
        """A delivery failed: due again then."""

    async def done(self, delivery_id: int) -> None:
        """It was delivered, or is given up: remove it."""


class Leases(Protocol):
    """Leases: which node does what only one should do."""

    async def take(self, name: str, seconds: float) -> bool:
        """Take or keep a lease for so long; False while another node has it."""

    async def give_back(self, name: str) -> None:
        """End a lease of our own before its time."""


class SharedBuckets(Protocol):
    """Limits that several nodes share, by the store's clock."""

    async def take(self, bucket: str, places: int, window: float) -> float:
        """Take a place: 0.0 where it is ours, else the seconds after which to ask again.

        At most `places` are given away in every sliding `window` of seconds, over all nodes: from
        one grant to the `places`-th after it at least `window` seconds pass. The margin is in
        `window` already. A log of the last `places` grants does it, and so does a GCRA without a
        burst (interval `window / places`); a GCRA with a burst of `places` does not.
        A place given is never given back. It raises whatever it likes when the store fails, and
        after a second without an answer it is cancelled.
        """
        ...
