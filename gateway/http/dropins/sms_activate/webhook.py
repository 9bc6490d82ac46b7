"""The body of a webhook as tools of this protocol expect it."""

import json
from collections.abc import Callable, Sequence
from datetime import tzinfo

from gateway.core.model.events import Event
from gateway.core.model.prices import Price
from gateway.core.model.webhooks import StoredWebhook
from gateway.core.prices.service_codes import Assortment, ServiceCodes
from gateway.http.dropins.common import naive_text
from gateway.http.dropins.sms_activate.replies import USA, bare_code


class SmsActivateBody:
    """Writes codes that came. The text of the SMS is not known here: it is the code."""

    def __init__(
        self,
        codes: ServiceCodes,
        prices: Callable[[str], Sequence[Price] | None],
        zone: tzinfo,
    ) -> None:
        """`prices`: an account's price list, where one is known; `zone` that of its times."""
        self._codes = codes
        self._prices = prices
        self._zone = zone

    def write(self, webhook: StoredWebhook, event: Event) -> bytes:
        """The body of an event of the type rental.code_received."""
        rental = event.data
        assert rental is not None  # noqa: S101 - a code is a rental's
        code = bare_code(rental.code)
        body = {
            "activationId": rental.id,
            "messageId": event.id,
            "service": self._code_of(webhook.account_id, rental.service_code or ""),
            "text": code,
            "code": code,
            "country": int(USA),
            "receivedAt": naive_text(rental.code_received_at or event.timestamp, self._zone),
        }
        return json.dumps(body).encode()

    def _code_of(self, account_id: str, service_code: str) -> str:
        prices = self._prices(account_id) or ()
        return Assortment(self._codes, prices).code_of(service_code)
