"""What the gateway itself sends, as callbacks of the operations that ask for it."""

from types import MappingProxyType
from typing import Any

from gateway.core.model.events import Event
from gateway.core.operations.webhooks import CREATE_WEBHOOK
from gateway.http.documents.answers import reference
from gateway.http.documents.examples import DELIVERED

Json = dict[str, Any]
_URL = "{$request.body#/url}"


def _header(name: str, description: str, pattern: str) -> Json:
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": {"type": "string", "pattern": pattern},
    }


_DELIVERY: Json = {
    "summary": "An event, sent to a webhook",
    "description": (
        "Sent until it is answered with success, so it may come again. What test_webhook sends "
        "has the type webhook.test and no data. With the format sms_activate the body is what "
        "tools of that family expect."
    ),
    "parameters": [
        _header("webhook-id", "The event's id, the same on every try.", "^evt_[0-9]+$"),
        _header("webhook-timestamp", "When this try was sent, in Unix seconds.", "^[0-9]+$"),
        _header(
            "webhook-signature",
            "HMAC-SHA256 of id.timestamp.body by the secret, as Standard Webhooks says.",
            "^v1,[0-9A-Za-z+/]+=*$",
        ),
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": reference(Event.__name__),
                "example": DELIVERED.model_dump(mode="json"),
            }
        },
    },
    "responses": {
        "2XX": {"description": "It was received, and is not sent again."},
        "410": {"description": "The webhook is disabled at once."},
        "default": {"description": "It is sent again later."},
    },
}

CALLBACKS = MappingProxyType({CREATE_WEBHOOK.name: {"delivery": {_URL: {"post": _DELIVERY}}}})
"""By the name of the operation whose input has the address that is called."""
