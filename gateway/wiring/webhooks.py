"""Builds what sends events to the webhooks of keys."""

from dataclasses import dataclass

from gateway.core.auth.webhook_secrets import WebhookSecrets
from gateway.core.model.webhooks import WebhookFormat
from gateway.core.ports.sending import Sender
from gateway.core.prices.cache import PriceCache
from gateway.core.webhooks.management import WebhookManagement
from gateway.core.webhooks.sending import WebhookSending, standard_body
from gateway.core.webhooks.worker import WebhookParts
from gateway.http.dropins.sms_activate.webhook import SmsActivateBody
from gateway.wiring.legacy_codes import service_codes
from gateway.wiring.services import Basis


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What keys do with their webhooks, and what delivers to them."""

    management: WebhookManagement
    parts: WebhookParts


def outgoing(basis: Basis, secrets: WebhookSecrets, sender: Sender, prices: PriceCache) -> Outgoing:
    """Build it; `prices` tell the codes that legacy tools know services by."""
    settings, store, clock = basis.settings, basis.store, basis.clock
    legacy = SmsActivateBody(service_codes(settings), prices.known, settings.zone)
    bodies = {WebhookFormat.STANDARD: standard_body, WebhookFormat.SMS_ACTIVATE: legacy.write}
    sending = WebhookSending(sender, secrets, clock, bodies)
    return Outgoing(
        WebhookManagement(
            store.webhooks, store.events, store.keys, sender, sending, secrets, clock
        ),
        WebhookParts(
            store.webhooks, store.events, store.keys, store.leases, sending, clock, basis.metrics
        ),
    )
