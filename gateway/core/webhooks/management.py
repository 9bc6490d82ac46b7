"""What keys do with their webhooks: create, list, delete, test, and send again."""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from yarl import URL

from gateway.core.auth.webhook_secrets import WebhookSecrets
from gateway.core.model.audit import AuditAction, AuditRecord
from gateway.core.model.callers import key_id_of
from gateway.core.model.errors import Forbidden, InvalidRequest, NotFound, Unauthorized
from gateway.core.model.events import EventType
from gateway.core.model.purchases import View
from gateway.core.model.webhooks import (
    CreatedWebhook,
    CreateWebhook,
    DeliveryState,
    ListWebhookDeliveries,
    RedeliverWebhook,
    StoredWebhook,
    Webhook,
    WebhookDelivery,
    WebhookTry,
    shown,
)
from gateway.core.ports.clock import Clock
from gateway.core.ports.sending import Sender
from gateway.core.ports.storage import Events, Keys
from gateway.core.ports.webhooks import MostWebhooks, OutgoingWebhooks, TooManyWebhooks
from gateway.core.webhooks.schedule import MOST_BEHIND
from gateway.core.webhooks.sending import WebhookSending
from gateway.core.webhooks.views import view_of

MOST = MostWebhooks(of_key=20, of_account=100)
_PAGE = 500
_OUT_OF_ORDER = timedelta(minutes=5)  # events of other nodes may be written a little later


class WebhookManagement:
    """Webhooks of the callers' own. What is of others is not found."""

    def __init__(
        self,
        store: OutgoingWebhooks,
        events: Events,
        keys: Keys,
        sender: Sender,
        sending: WebhookSending,
        secrets: WebhookSecrets,
        clock: Clock,
    ) -> None:
        """`sender` says which URLs can be sent to."""
        self._store = store
        self._events = events
        self._keys = keys
        self._sender = sender
        self._sending = sending
        self._secrets = secrets
        self._clock = clock
        self._when_changed: Callable[[], None] = _nobody

    def when_changed(self, tell: Callable[[], None]) -> None:
        """Set what is called when webhooks or their deliveries have changed."""
        self._when_changed = tell

    async def create(self, account_id: str, caller_id: str, asked: CreateWebhook) -> CreatedWebhook:
        """Create a webhook, or enable the same one. Raises InvalidRequest and Forbidden."""
        try:
            self._sender.check_url(asked.url)
        except ValueError as fault:
            raise InvalidRequest(f"url: {fault}.") from fault
        new = StoredWebhook(
            id=f"wh_{secrets.token_hex(12)}",
            account_id=account_id,
            caller_id=caller_id,
            url=asked.url,
            events=asked.events,
            service_code=asked.service_code,
            description=asked.description,
            format=asked.format,
            created_at=self._clock.now(),
            cursor=0,
        )
        try:
            audit = self._audit(caller_id, AuditAction.WEBHOOK_CREATED, new)
            stored, created = await self._store.create(new, MOST, audit)
        except TooManyWebhooks as full:
            raise Forbidden(
                f"This {full.whose} has {full.most} webhooks, as many as it may have.",
                advice="Delete one that is not needed.",
            ) from full
        self._when_changed()
        token = self._secrets.delete_token(stored.id, stored.generation)
        secret = self._secrets.signing(stored.id, stored.generation) if created else None
        return CreatedWebhook.of(shown(stored), secret, token)

    async def all(self, view: View) -> list[Webhook]:
        """The webhooks of a view, oldest first."""
        return [shown(each) for each in await self._store.all(view)]

    async def delete(self, view: View, caller_id: str, webhook_id: str) -> Webhook:
        """Delete a webhook, on behalf of a caller. Raises NotFound."""
        stored = await self._find(view, webhook_id)
        audit = self._audit(caller_id, AuditAction.WEBHOOK_DELETED, stored)
        if not await self._store.delete(stored.id, audit):
            raise _not_found()
        self._when_changed()
        return shown(stored, deleted=True)

    async def owner(self, webhook_id: str, token: str) -> str:
        """The caller id of a webhook's owner, for its delete token. Raises Unauthorized."""
        stored = await self._store.find(webhook_id)
        if stored is None or not self._secrets.opens(token, stored.id, stored.generation):
            raise Unauthorized("The token opens no webhook with this id: it may be deleted.")
        return stored.caller_id

    async def test(self, view: View, webhook_id: str) -> WebhookTry:
        """Send webhook.test once. Raises NotFound."""
        return await self._sending.test(await self._find(view, webhook_id))

    async def deliveries(
        self, view: View, asked: ListWebhookDeliveries
    ) -> Sequence[WebhookDelivery]:
        """One more delivery than asked for, where there are more. Raises NotFound."""
        stored = await self._find(view, asked.webhook_id)
        state = None if asked.state == "any" else DeliveryState(asked.state)
        return await self._store.deliveries(
            stored.id, state=state, before=asked.cursor, limit=asked.limit + 1
        )

    async def redeliver(self, view: View, asked: RedeliverWebhook) -> int:
        """Send events again; how many. Raises NotFound and InvalidRequest."""
        stored = await self._find(view, asked.webhook_id)
        if stored.disabled_reason is not None:
            raise InvalidRequest(
                "webhook_id: this webhook is disabled, so nothing can be sent to it.",
                advice="Create it again with the same url and events, which enables it.",
            )
        now = self._clock.now()
        if asked.event_id is not None:
            if not await self._store.redeliver(stored.id, asked.event_id, now):
                raise NotFound(
                    "There is no delivery of this event to this webhook.",
                    advice="list_webhook_deliveries has those there are.",
                )
            queued = 1
        else:
            assert asked.since is not None  # noqa: S101 - one of them is given
            queued = await self._queue_since(stored, asked.since, now)
        self._when_changed()
        return queued

    async def _queue_since(self, stored: StoredWebhook, since: datetime, now: datetime) -> int:
        """Queue what was not delivered of the events since then, of what its own key may see."""
        owners = await view_of(stored, self._keys, now)
        if owners is None:
            raise _not_found()
        found: list[tuple[int, EventType]] = []
        before: int | None = None
        while True:
            page = await self._events.page(
                owners, type=None, rental_id=None, after=None, before=before, limit=_PAGE
            )
            found += [
                (event.id, event.type)
                for event in page
                if event.timestamp >= since and stored.takes(event)
            ]
            if len(found) > MOST_BEHIND:
                raise InvalidRequest(
                    f"since: more than {MOST_BEHIND:,} events fit.", advice="Send a later time."
                )
            if len(page) < _PAGE or page[-1].timestamp < since - _OUT_OF_ORDER:
                break
            before = page[-1].id
        queued = 0
        for place in range(0, len(found), _PAGE):
            some = found[place : place + _PAGE]
            queued += await self._store.requeue(stored.id, some, now)
        return queued

    def _audit(self, caller_id: str, action: AuditAction, webhook: StoredWebhook) -> AuditRecord:
        """What the audit log tells. Of the URL only where it leads: the rest may be a secret."""
        details = {"host": URL(webhook.url).host, "events": list(webhook.events)}
        return AuditRecord(self._clock.now(), key_id_of(caller_id), action, webhook.id, details)

    async def _find(self, view: View, webhook_id: str) -> StoredWebhook:
        stored = await self._store.find(webhook_id)
        if stored is None or stored.account_id != view.account_id:
            raise _not_found()
        if view.caller_id not in (None, stored.caller_id):
            raise _not_found()
        return stored


def _not_found() -> NotFound:
    return NotFound(
        "There is no such webhook for this key.", advice="list_webhooks has those there are."
    )


def _nobody() -> None:
    """Nobody wants to know."""
