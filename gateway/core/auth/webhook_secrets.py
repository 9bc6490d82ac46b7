"""The secrets of outgoing webhooks, which are derived and stored nowhere."""

import base64
import hashlib
import hmac

_PREFIX = "whsec_"


class WebhookSecrets:
    """Derives what signs a webhook's deliveries, and what opens its deletion.

    Both are HMACs under the gateway's secret, so that every node makes the same ones.
    """

    def __init__(self, secret: bytes) -> None:
        """`secret` is the same on all nodes of one database."""
        self._secret = secret

    def signing(self, webhook_id: str, generation: int) -> str:
        """The secret of Standard Webhooks: `whsec_` and 32 bytes in base64."""
        return _PREFIX + base64.b64encode(self._derived("sign", webhook_id, generation)).decode()

    def delete_token(self, webhook_id: str, generation: int) -> str:
        """What deletes this webhook and nothing else, without a key: 32 letters for a URL."""
        derived = self._derived("delete", webhook_id, generation)
        return base64.urlsafe_b64encode(derived[:24]).decode()

    def opens(self, token: str, webhook_id: str, generation: int) -> bool:
        """Whether it is the token that deletes this webhook."""
        made = self.delete_token(webhook_id, generation)
        return hmac.compare_digest(made.encode(), token.encode("utf-8", "replace"))

    def _derived(self, purpose: str, webhook_id: str, generation: int) -> bytes:
        about = f"getatext-gateway:webhook:{purpose}:{webhook_id}:{generation}"
        return hmac.new(self._secret, about.encode(), hashlib.sha256).digest()
