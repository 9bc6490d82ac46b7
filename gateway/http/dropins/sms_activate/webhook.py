"""The body of a webhook as tools of this protocol expect it."""

import json
from collections.abc import Callable, Sequence
from datetime import tzinfo

from gateway.core.identity_cache import IdentityCache
from gateway.core.model.events import Event
from gateway.core.model.prices import Price
from gateway.core.model.webhooks import StoredWebhook
from gateway.core.prices.service_codes import Assortment, ServiceCodes
from gateway.http.dropins.common import naive_text
from gateway.http.dropins.sms_activate.replies import USA, bare_code

_MOST_LISTS = 8


class SmsActivateBody:
    """Writes codes that came. The text of the SMS is not known here: it is the code."""

    def __init__(
        self,
        codes: ServiceCodes,
        prices: Callable[[str], Sequence[Price]],
        zone: tzinfo,
    ) -> None:
        """`prices`: those known of an account, if any; `zone` that of its times."""
        self._codes = codes
        self._prices = prices
        self._zone = zone
        self._assortments: IdentityCache[Sequence[Price], Assortment] = IdentityCache(_MOST_LISTS)

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
        prices = self._prices(account_id)
        assortment = self._assortments.get(prices)
        if assortment is None:
            assortment = self._assortments[prices] = Assortment(self._codes, prices)
        return assortment.code_of(service_code)
