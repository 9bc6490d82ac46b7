"""One try of one delivery: the event as the webhook's format tells it, signed and sent."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.core.auth.webhook_secrets import WebhookSecrets
from gateway.core.model.callers import TEST_ACCOUNT_ID
from gateway.core.model.events import Event, event_id
from gateway.core.model.values import instant_text
from gateway.core.model.webhooks import (
    TEST_TYPE,
    DeliveryState,
    DisabledReason,
    StoredWebhook,
    WebhookFormat,
    WebhookTry,
)
from gateway.core.ports.clock import Clock
from gateway.core.ports.sending import OutgoingMessage, Sender, SendResult
from gateway.core.ports.webhooks import DueDelivery, RecordedTry
from gateway.core.webhooks.schedule import next_try_at

Body = Callable[[StoredWebhook, Event], bytes]
"""Writes an event as a webhook's format has it."""
_GONE = 410
_DELETED = "The event is older than what the gateway keeps, and was deleted."
_FAULT = "Something went wrong in the gateway."


def standard_body(webhook: StoredWebhook, event: Event) -> bytes:
    """The event as list_events tells it."""
    return event.model_dump_json().encode()


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try, to be stored; `disable`: why nothing more is to be sent to the webhook."""

    record: RecordedTry
    disable: DisabledReason | None = None


class WebhookSending:
    """Sends events to webhooks, each try with a signature and a time of its own."""

    def __init__(
        self,
        sender: Sender,
        secrets: WebhookSecrets,
        clock: Clock,
        bodies: Mapping[WebhookFormat, Body],
    ) -> None:
        """`bodies`: of each format, what writes it."""
        self._sender = sender
        self._secrets = secrets
        self._clock = clock
        self._bodies = bodies

    async def test(self, webhook: StoredWebhook) -> WebhookTry:
        """Send webhook.test, whatever the webhook's format; it is not tried again."""
        now = instant_text(self._clock.now())
        test_id = f"evt_test_{secrets.token_hex(8)}"
        test = "true" if webhook.account_id == TEST_ACCOUNT_ID else "false"
        body = (
            f'{{"id":"{test_id}","type":"{TEST_TYPE}","timestamp":"{now}",'
            f'"data":null,"details":null,"test":{test}}}'
        )
        return _outcome(await self._send(webhook, test_id, body.encode()))

    async def attempt(
        self, webhook: StoredWebhook, due: DueDelivery, event: Event | None
    ) -> Attempt:
        """Send an event; None: there is no such event any more."""
        if event is None:
            now = self._clock.now()
            return Attempt(
                RecordedTry(due.event_id, _unsent(_DELETED), now, DeliveryState.FAILED, None)
            )
        body = self._bodies[webhook.format](webhook, event)
        result = await self._send(webhook, event_id(event.id), body)
        return self._judged(due, result, self._clock.now())

    def failed(self, due: DueDelivery) -> Attempt:
        """A try that a bug in the gateway kept from being sent."""
        now = self._clock.now()
        again_at = next_try_at(due.tries + 1, now, None)
        state = DeliveryState.FAILED if again_at is None else DeliveryState.PENDING
        return Attempt(RecordedTry(due.event_id, _unsent(_FAULT), now, state, again_at))

    def _judged(self, due: DueDelivery, result: SendResult, at: datetime) -> Attempt:
        outcome = _outcome(result)
        if outcome.delivered:
            return Attempt(RecordedTry(due.event_id, outcome, at, DeliveryState.DELIVERED, None))
        if result.status == _GONE:
            given_up = RecordedTry(due.event_id, outcome, at, DeliveryState.FAILED, None)
            return Attempt(given_up, DisabledReason.GONE)
        again_at = next_try_at(due.tries + 1, at, result.retry_after)
        state = DeliveryState.FAILED if again_at is None else DeliveryState.PENDING
        return Attempt(RecordedTry(due.event_id, outcome, at, state, again_at))

    async def _send(self, webhook: StoredWebhook, message_id: str, body: bytes) -> SendResult:
        secret = self._secrets.signing(webhook.id, webhook.generation)
        return await self._sender.send(OutgoingMessage(message_id, webhook.url, body, secret))


def _unsent(why: str) -> WebhookTry:
    return WebhookTry(delivered=False, status=None, error=why, answer=None, duration_ms=None)


def _outcome(result: SendResult) -> WebhookTry:
    delivered = result.status is not None and 200 <= result.status < 300
    error = result.error
    if not delivered and error is None:
        error = f"It answered with HTTP status {result.status}."
    return WebhookTry(
        delivered=delivered,
        status=result.status,
        error=None if delivered else error,
        answer=result.answer or None,
        duration_ms=round(result.duration * 1000),
    )
