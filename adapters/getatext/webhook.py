"""Reader of the provider's webhook: word that a code has come, unsigned and from anybody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from adapters.getatext import scalars
from adapters.getatext.rentals import status_of
from adapters.getatext.reply import parse
from gateway.core.model.errors import InvalidRequest
from gateway.core.model.rentals import RentalStatus

_MOST_FIELDS = 50


@dataclass(frozen=True, slots=True)
class Webhook:
    """What the provider, or somebody in its name, says of a rental.

    The code is provisional: as an integer it has lost its leading zeros (page).
    """

    rental_id: int
    code: str | None
    received_at: datetime | None
    number: str | None
    service_name: str | None
    status: RentalStatus
    price: Decimal | None


def read_webhook(body: bytes, zone: tzinfo) -> Webhook:
    """The webhook of a body in JSON (page) or as a form (guess); `zone` is of its naive times.

    Which of them it is the body says: senders leave the content type out, or to their library.
    Raises InvalidRequest for a body that cannot be read or names no rental.
    """
    fields = parse(body) or _form(body)
    rental_id = scalars.ident(fields.get("id")) if fields else None
    if fields is None or rental_id is None:
        raise InvalidRequest("The webhook has no readable rental id.")
    code = scalars.code(fields.get("code"))
    return Webhook(
        rental_id=rental_id,
        code=code,
        received_at=scalars.instant(fields.get("received_at"), zone),
        number=scalars.number(fields.get("number")),
        service_name=scalars.text(fields.get("service_name")),
        status=status_of(fields.get("status"), code, RentalStatus.UNKNOWN),
        price=scalars.first_money(fields, "cost", "price"),
    )


def _form(body: bytes) -> Mapping[str, Any] | None:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    return dict(pairs)
