"""Workers end when there is nothing to do for them, and never send over and over."""

import asyncio
from collections import Counter
from contextlib import suppress
from ipaddress import ip_network
from typing import Any

import pytest

from adapters.outgoing.sender import WebhookSender
from adapters.store import Store, open_store
from gateway.core.auth.webhook_secrets import WebhookSecrets
from gateway.core.model.callers import GatewayKey, Limits
from gateway.core.model.errors import LedgerUnavailable
from gateway.core.model.events import EventType
from gateway.core.model.webhooks import DisabledReason, StoredWebhook, WebhookFormat
from gateway.core.ports.webhooks import MostWebhooks
from gateway.core.rentals.notifier import Notifier
from gateway.core.webhooks.dispatcher import WebhookDispatcher
from gateway.core.webhooks.listening import WebhookListening
from gateway.core.webhooks.sending import WebhookSending, standard_body
from gateway.core.webhooks.worker import WebhookParts, WebhookWorker
from gateway.telemetry.metrics import Metrics
from gateway.wiring import SystemClock
from tests.support.ledger import NOW, new_id
from tests.support.waiting import until
from tests.webhooks.support import LOOPBACK, receiving

ALARM, CREATED = EventType.WEBHOOK_DISABLED, EventType.RENTAL_CREATED


class Counting:
    """A port whose calls are counted by their names."""

    def __init__(self, port: Any) -> None:
        self.calls: Counter[str] = Counter()
        self._port = port

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self._port, name)


class Unwritable(Counting):
    """A store in which the first tries cannot be written down."""

    async def record(self, *given: Any) -> Any:
        self.calls["record"] += 1
        if self.calls["record"] <= 5:
            raise LedgerUnavailable
        return await self._port.record(*given)


def parts(store: Store, webhooks: Any = None, leases: Any = None) -> WebhookParts:
    clock, sender = SystemClock(), WebhookSender([ip_network(each) for each in LOOPBACK])
    bodies = {WebhookFormat.STANDARD: standard_body}
    sending = WebhookSending(sender, WebhookSecrets(b"s" * 32), clock, bodies)
    return WebhookParts(
        webhooks or store.webhooks,
        store.events,
        store.keys,
        leases or store.leases,
        sending,
        WebhookListening(lambda view: None, clock),
        clock,
        Metrics(),
    )


async def told(store: Store, url: str, *types: EventType) -> StoredWebhook:
    """A webhook of a living key, which sees one event: another webhook of it was disabled."""
    if not await store.keys.all():
        await store.keys.create(GatewayKey("1", "shop", "h1", Limits(), NOW))
    made = []
    for number, to in enumerate((url, "https://example.com/other")):
        webhook = StoredWebhook(
            id=f"wh_{number:024x}",
            account_id="account",
            caller_id="gtw_1",
            url=to,
            events=types,
            service_code=None,
            description=None,
            format=WebhookFormat.STANDARD,
            created_at=NOW,
            cursor=0,
        )
        made.append((await store.webhooks.create(webhook, MostWebhooks(20, 100)))[0])
    assert await store.webhooks.disable(made[1].id, DisabledReason.GONE, NOW)
    return made[0]


async def run_for_a_while(store: Store, of: WebhookParts, counted: Counting, call: str) -> int:
    """How often a dispatcher makes a call before so many reads of others are done."""
    dispatcher = WebhookDispatcher(of, Notifier())
    running = asyncio.create_task(dispatcher.run())
    try:
        await until(lambda: counted.calls[call] > 0)
        for _ in range(200):
            await store.webhooks.standing()
        return counted.calls[call]
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_another_node_that_delivers_is_not_asked_over_and_over(
    store: Store, store_url: str
) -> None:
    webhook = await told(store, "https://example.com/", ALARM)
    leases = Counting(store.leases)
    async with open_store(store_url, new_id=new_id) as other:
        assert await other.leases.take(f"webhook:{webhook.id}", 600)

        asked = await run_for_a_while(store, parts(store, leases=leases), leases, "take")

    assert asked < 10  # one at each look, of which there is one in five seconds


async def test_events_that_are_not_for_it_are_looked_at_once(store: Store) -> None:
    await told(store, "https://example.com/", CREATED)
    webhooks = Counting(store.webhooks)

    asked = await run_for_a_while(store, parts(store, webhooks), webhooks, "next_due")

    assert asked < 10


async def test_a_try_that_cannot_be_written_down_is_not_sent_again_at_once(store: Store) -> None:
    webhooks = Unwritable(store.webhooks)
    async with receiving() as receiver:
        webhook = await told(store, f"{receiver.url}/hook", ALARM)

        with pytest.raises(LedgerUnavailable):
            await WebhookWorker(webhook, parts(store, webhooks), 0).run()

        assert len(receiver.got) == 1
        assert await store.webhooks.next_due(webhook.id) is not None
