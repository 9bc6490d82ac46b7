"""What a webhook may be told."""

from datetime import datetime

from gateway.core.model.callers import GatewayKey
from gateway.core.model.purchases import View
from gateway.core.model.webhooks import StoredWebhook
from gateway.core.ports.storage import Keys


async def view_of(webhook: StoredWebhook, keys: Keys, at: datetime) -> View | None:
    """What a webhook's key may see at that time; None where the key has ended."""
    return view_by(await keys.of_caller(webhook.caller_id), webhook, at)


def view_by(key: GatewayKey | None, webhook: StoredWebhook, at: datetime) -> View | None:
    """The same, where the key is known already; None: there is no such key."""
    if key is None or not key.is_living(at):
        return None
    return View(webhook.account_id, None if key.limits.admin else webhook.caller_id)
