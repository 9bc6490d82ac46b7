"""Parser of the provider's webhook, an unsigned notification of a code."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any
from urllib.parse import parse_qsl

from adapters.getatext import scalars
from adapters.getatext.reply import parse
from gateway.core.model.errors import InvalidRequest

_MOST_FIELDS = 50


@dataclass(frozen=True, slots=True)
class Webhook:
    """A parsed webhook. It is unsigned: anyone who knows the path can send one.

    The code is provisional: sent as an integer, it has lost its leading zeros (page).
    """

    rental_id: int
    code: str | None
    received_at: datetime | None


def read_webhook(body: bytes, zone: tzinfo) -> Webhook:
    """Parse a body in JSON (page) or as a form (guess); `zone` is that of naive times.

    The format is detected by the body: senders set no content type, or an arbitrary one.
    Raises InvalidRequest for a body that is unreadable or has no rental id.
    """
    fields = parse(body) or _form(body)
    rental_id = scalars.ident(fields.get("id")) if fields else None
    if fields is None or rental_id is None:
        raise InvalidRequest("The webhook has no readable rental id.")
    return Webhook(
        rental_id=rental_id,
        code=scalars.code(fields.get("code")),
        received_at=scalars.instant(fields.get("received_at"), zone),
    )


def _form(body: bytes) -> Mapping[str, Any] | None:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    return dict(pairs)
