"""The port of outgoing webhooks and their deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.core.model.audit import AuditRecord
from gateway.core.model.events import EventType
from gateway.core.model.purchases import View
from gateway.core.model.webhooks import (
    DeliveryState,
    DisabledReason,
    StoredWebhook,
    WebhookDelivery,
    WebhookTry,
)


@dataclass(frozen=True, slots=True)
class MostWebhooks:
    """How many webhooks there may be."""

    of_key: int
    of_account: int


class TooManyWebhooks(ValueError):
    """A key or an account has as many webhooks as it may have; nothing was stored."""

    def __init__(self, whose: str, most: int) -> None:
        super().__init__(whose)
        self.whose = whose
        self.most = most


@dataclass(frozen=True, slots=True)
class StandingWebhook:
    """An enabled webhook, and what there may be to do for it.

    `last_event`: the id of the account's last event, 0 where it has none. `due_at`: when the next
    delivery is due; None: none waits.
    """

    webhook: StoredWebhook
    last_event: int
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery that is to be sent now; `tries`: how often it was sent before."""

    event_id: int
    tries: int


@dataclass(frozen=True, slots=True)
class RecordedTry:
    """A try of a delivery as it is stored; `next_try_at` None: it is not tried again."""

    event_id: int
    outcome: WebhookTry
    at: datetime
    state: DeliveryState
    next_try_at: datetime | None


class OutgoingWebhooks(Protocol):
    """Stores webhooks and their deliveries. Every method is one transaction."""

    async def create(
        self, webhook: StoredWebhook, most: MostWebhooks, audit: AuditRecord | None = None
    ) -> tuple[StoredWebhook, bool]:
        """Store a webhook, looking at events from now on; returns it and True.

        Returns the one with the same caller, URL, events, service and format where there is one,
        and False: with this description, if any, and enabled again, from now on, if it was
        disabled. Raises TooManyWebhooks.
        """

    async def find(self, webhook_id: str) -> StoredWebhook | None:
        """One webhook."""

    async def all(self, view: View) -> Sequence[StoredWebhook]:
        """The webhooks of a view, oldest first."""

    async def delete(self, webhook_id: str, audit: AuditRecord | None = None) -> bool:
        """Delete a webhook and its deliveries; False where there is none."""

    async def standing(self) -> Sequence[StandingWebhook]:
        """Every enabled webhook."""

    async def waiting(self, at: datetime) -> Sequence[StandingWebhook]:
        """Those of them that have events behind their place, or deliveries that are due.

        Cheap, however many have nothing: it is asked every few seconds.
        """

    async def disable(self, webhook_id: str, reason: DisabledReason, at: datetime) -> bool:
        """Disable an enabled webhook, give its waiting deliveries up, and write webhook.disabled.

        False, and nothing changes, where it is not enabled.
        """

    async def queue(
        self, webhook_id: str, events: Sequence[tuple[int, EventType]], cursor: int, at: datetime
    ) -> int:
        """Queue the deliveries of events up to `cursor`, due at once; how many wait now.

        An event that was queued before is not queued again.
        """

    async def requeue(
        self, webhook_id: str, events: Sequence[tuple[int, EventType]], at: datetime
    ) -> int:
        """Queue again, due at once, what was not delivered of these events.

        That is what was given up, what waits for a later try, and what never was queued; how many
        they are. What is due already is left as it is.
        """

    async def redeliver(self, webhook_id: str, event_id: int, at: datetime) -> bool:
        """Queue one delivery again, delivered or not; False where there is none of this event."""

    async def due(self, webhook_id: str, at: datetime, limit: int) -> Sequence[DueDelivery]:
        """The deliveries that are due, the longest due first."""

    async def next_due(self, webhook_id: str) -> datetime | None:
        """When the next delivery is due; None: none waits."""

    async def record(self, webhook_id: str, tried: RecordedTry) -> datetime | None:
        """Store a try. Returns since when there were only failures; None after a success.

        A delivery that is not pending any more keeps its state, unless this try delivered it.
        """

    async def deliveries(
        self, webhook_id: str, *, state: DeliveryState | None, before: int | None, limit: int
    ) -> Sequence[WebhookDelivery]:
        """A webhook's deliveries of events with an id below `before`, newest event first."""
