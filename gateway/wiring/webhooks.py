"""Builds what sends events to the webhooks of keys."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.core.auth.webhook_secrets import WebhookSecrets
from gateway.core.codes.subscription import Subscription
from gateway.core.model.purchases import View
from gateway.core.model.webhooks import WebhookFormat
from gateway.core.operations.context import Services
from gateway.core.ports.sending import Sender
from gateway.core.prices.cache import PriceCache
from gateway.core.rentals.notifier import Notifier
from gateway.core.upstream.account import AccountUpstream
from gateway.core.webhooks.dispatcher import WebhookDispatcher
from gateway.core.webhooks.listening import WebhookListening
from gateway.core.webhooks.management import WebhookManagement
from gateway.core.webhooks.sending import WebhookSending, standard_body
from gateway.core.webhooks.worker import WebhookParts
from gateway.http.dropins.sms_activate.webhook import SmsActivateBody
from gateway.wiring.legacy_codes import service_codes
from gateway.wiring.services import Basis


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What keys do with their webhooks, and what sends to them."""

    management: WebhookManagement
    sending: WebhookSending


def outgoing(basis: Basis, secrets: WebhookSecrets, sender: Sender, prices: PriceCache) -> Outgoing:
    """Build it; `prices` tell the codes that legacy tools know services by."""
    settings, store, clock = basis.settings, basis.store, basis.clock
    legacy = SmsActivateBody(service_codes(settings), prices.known, settings.zone)
    bodies = {WebhookFormat.STANDARD: standard_body, WebhookFormat.SMS_ACTIVATE: legacy.write}
    sending = WebhookSending(sender, secrets, clock, bodies)
    management = WebhookManagement(
        store.webhooks, store.events, store.keys, sender, sending, secrets, clock
    )
    return Outgoing(management, sending)


def dispatcher(
    basis: Basis,
    sent: Outgoing,
    services: Services,
    upstream_of: Callable[[str], AccountUpstream | None],
    notifier: Notifier,
) -> WebhookDispatcher:
    """What delivers; `upstream_of` an account polls the rentals whose codes are to be told."""
    store, clock = basis.store, basis.clock

    def subscribe(view: View) -> Subscription | None:
        upstream = upstream_of(view.account_id)
        if upstream is None:
            return None
        cache, poller = services.price_cache, services.poller
        return Subscription(services.ledger, cache, poller, upstream, view)

    parts = WebhookParts(
        store.webhooks,
        store.events,
        store.keys,
        store.leases,
        sent.sending,
        WebhookListening(subscribe, clock),
        clock,
        basis.metrics,
    )
    made = WebhookDispatcher(parts, notifier)
    sent.management.when_changed(made.look)
    return made
