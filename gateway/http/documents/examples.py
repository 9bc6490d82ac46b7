"""An example of each operation: what is sent, and the answer of the simulated provider.

A request repeats without harm: it names no request_id, which would answer the first purchase.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from gateway.core.model.account import BalanceAndSpending
from gateway.core.model.audit import AuditAction, AuditEntry, AuditLog
from gateway.core.model.codes import Code, CodeStatus
from gateway.core.model.events import Event, EventList, EventType, event_id
from gateway.core.model.keys import Key, KeyList, KeyStatus, KeyWithSecret
from gateway.core.model.long_rentals import (
    LongRental,
    LongRentals,
    LongRentalStatus,
    Message,
    Messages,
    Period,
)
from gateway.core.model.prices import Price, PricePage
from gateway.core.model.rentals import EndedReason, ReceivedCode, Rental, Rentals, RentalStatus
from gateway.core.model.usage import Usage, UsageFigures, UsageRow
from gateway.core.model.webhooks import (
    CreatedWebhook,
    DeliveryState,
    Redelivered,
    Webhook,
    WebhookDeliveries,
    WebhookDelivery,
    WebhookFormat,
    Webhooks,
    WebhookTry,
)


@dataclass(frozen=True)
class Example:
    """The answer of an operation, and the inputs that it answers."""

    answer: BaseModel
    asked: Mapping[str, Any] = field(default_factory=dict)


_RENTED = datetime(2026, 12, 1, 14, 30, 5, tzinfo=UTC)
_RECEIVED = datetime(2026, 12, 1, 14, 30, 41, tzinfo=UTC)
_CODE = "140891"
_FRESH = Rental(
    id=12345,
    ledger_id="644e5b1b5c940c5f4c1f0a2d7",
    status=RentalStatus.ACTIVE,
    service_code="whatsapp",
    service_name="Whatsapp",
    number="+16466999999",
    codes=(),
    price=Decimal("0.55"),
    balance=Decimal("99.45"),
    created_at=_RENTED,
    ends_at=datetime(2026, 12, 1, 14, 35, 5, tzinfo=UTC),
)
_WITH_CODE = _FRESH.model_copy(
    update={
        "status": RentalStatus.CODE_RECEIVED,
        "code": _CODE,
        "code_received_at": _RECEIVED,
        "codes": (ReceivedCode(code=_CODE, received_at=_RECEIVED),),
    }
)
_LISTED = _WITH_CODE.model_copy(update={"codes": None, "balance": None})
_COMPLETED = _WITH_CODE.model_copy(
    update={"status": RentalStatus.COMPLETED, "ended_reason": EndedReason.COMPLETED}
)
_CANCELLED = _FRESH.model_copy(
    update={
        "status": RentalStatus.CANCELLED,
        "refunded": Decimal("0.55"),
        "balance": Decimal("100.00"),
        "ended_reason": EndedReason.CANCELLED,
        "cancel_requested_at": datetime(2026, 12, 1, 14, 32, 5, tzinfo=UTC),
    }
)
_AGAIN = _FRESH.model_copy(
    update={
        "id": 12346,
        "ledger_id": "644e5b2f0a1c0b8e93d5a7f16",
        "balance": Decimal("98.90"),
        "created_at": datetime(2026, 12, 1, 14, 36, 10, tzinfo=UTC),
        "ends_at": datetime(2026, 12, 1, 14, 41, 10, tzinfo=UTC),
    }
)
_IN_PLACE = _AGAIN.model_copy(update={"number": "+13477999997", "replaces": 12345})
_LONG = LongRental(
    id=1,
    status=LongRentalStatus.ACTIVE,
    number="+19173999998",
    price=Decimal("10.55"),
    period=Period.ONE_WEEK,
    auto_renew=False,
    rented_on=date(2026, 12, 1),
    ends_on=date(2026, 12, 8),
)
_RENEWED = _LONG.model_copy(update={"ends_on": date(2026, 12, 15)})
_MESSAGE = Message(
    text="Your verification code is 048213",
    sender="22395",
    number="+19173999998",
    received_at=_RECEIVED,
)
_PRICE = Price(
    service_code="whatsapp",
    service_name="Whatsapp",
    price=Decimal("0.55"),
    stock=120,
    ttl_minutes=5,
    multiple_sms=True,
)
_CODED = Event(id=71, type=EventType.RENTAL_CODE_RECEIVED, timestamp=_RECEIVED, data=_LISTED)
_FIGURES = UsageFigures(
    rentals=1,
    codes=1,
    cancelled=0,
    expired=0,
    charged=Decimal("0.55"),
    refunded=Decimal("0.00"),
    net=Decimal("0.55"),
    reserved=Decimal("0.00"),
    success_rate=None,
    median_seconds=None,
)
_WEBHOOK = Webhook(
    id=f"wh_{'5e' * 12}",
    url="https://example.com/hooks/sms",
    events=(EventType.RENTAL_CODE_RECEIVED,),
    service_code=None,
    description=None,
    format=WebhookFormat.STANDARD,
    status="enabled",
    disabled_reason=None,
    created_at=_RENTED,
)
_CREATED = CreatedWebhook(**dict(_WEBHOOK), secret=f"whsec_{'c2VjcmV0' * 5}c2U=")
_TRIED = WebhookTry(delivered=True, status=200, error=None, answer="ok", duration_ms=41)
_DELIVERY = WebhookDelivery(
    **_TRIED.model_dump(exclude={"delivered"}),
    event_id=_CODED.id,
    type=_CODED.type,
    state=DeliveryState.DELIVERED,
    tries=1,
    tried_at=_RECEIVED,
    next_try_at=None,
)
_KEY = Key(
    id="3f2a9c01",
    name="n8n",
    status=KeyStatus.ACTIVE,
    created_at=_RENTED,
    revoked_at=None,
    expires_at=None,
    previous_secret_until=None,
    parent_id=None,
    test=False,
    admin=False,
    read_only=False,
    long_rentals=False,
    services=None,
    max_price=Decimal("1.00"),
    max_active=None,
    max_per_day=None,
    budget_day=Decimal("5.00"),
    budget_total=None,
    confirm_above=None,
    spent_today=Decimal("0.00"),
    spent_total=Decimal("0.00"),
    left_today=Decimal("5.00"),
    left_total=None,
)
_OPERATOR = _KEY.model_copy(
    update={
        "id": "c0ffee00",
        "name": "operator",
        "admin": True,
        "max_price": None,
        "budget_day": None,
        "left_today": None,
    }
)
_KEY_WITH_SECRET = KeyWithSecret(**dict(_KEY), secret=f"gtw_{'a1B2' * 8}")
_AUDITED = AuditEntry(
    id=7,
    timestamp=_RENTED,
    actor=_OPERATOR.id,
    actor_name=_OPERATOR.name,
    action=AuditAction.KEY_CREATED,
    subject=_KEY.id,
    details={"name": "n8n", "max_price": "1.00", "budget_day": "5.00"},
)
_THAT_KEY = {"key_id": _KEY.id}
_THAT_WEBHOOK = {"webhook_id": _WEBHOOK.id}
_THAT_RENTAL = {"rental_id": 12345}
_THAT_LONG_RENTAL = {"long_rental_id": 1}

EXAMPLES: Mapping[str, Example] = MappingProxyType(
    {
        "list_prices": Example(
            PricePage(fetched_at=_RENTED, stale=False, data=[_PRICE]),
            {"service_code": "whatsapp"},
        ),
        "get_balance": Example(
            BalanceAndSpending(
                balance=Decimal("99.45"),
                spent_today=Decimal("0.55"),
                spent_total=Decimal("0.55"),
                left_today=None,
                left_total=None,
            )
        ),
        "get_usage": Example(
            Usage(
                group_by="service",
                since=None,
                until=None,
                total=_FIGURES,
                data=[UsageRow(group="whatsapp", name=None, **dict(_FIGURES))],
            )
        ),
        "rent_number": Example(_FRESH, {"service_code": "whatsapp", "max_price": "0.55"}),
        "list_rentals": Example(Rentals(data=[_LISTED])),
        "get_rental": Example(_WITH_CODE, _THAT_RENTAL),
        "cancel_rental": Example(_CANCELLED, _THAT_RENTAL),
        "complete_rental": Example(_COMPLETED, _THAT_RENTAL),
        "rent_again": Example(_AGAIN, _THAT_RENTAL),
        "replace_rental": Example(_IN_PLACE, _THAT_RENTAL),
        "wait_for_code": Example(
            Code(rental_id=12345, status=CodeStatus.RECEIVED, code=_CODE, received_at=_RECEIVED),
            _THAT_RENTAL,
        ),
        "list_long_rentals": Example(LongRentals(data=[_LONG])),
        "create_long_rental": Example(_LONG, {"period": "1w"}),
        "renew_long_rental": Example(_RENEWED, _THAT_LONG_RENTAL),
        "cancel_long_rental": Example(
            _LONG.model_copy(update={"status": LongRentalStatus.CANCELLED}), _THAT_LONG_RENTAL
        ),
        "set_auto_renew": Example(_LONG, {**_THAT_LONG_RENTAL, "auto_renew": False}),
        "list_messages": Example(Messages(data=[_MESSAGE]), _THAT_LONG_RENTAL),
        "list_events": Example(EventList(data=[_CODED]), {"type": _CODED.type.value}),
        "create_webhook": Example(_CREATED, {"url": _WEBHOOK.url, "events": [_CODED.type.value]}),
        "list_webhooks": Example(Webhooks(data=[_WEBHOOK])),
        "delete_webhook": Example(_WEBHOOK.model_copy(update={"status": "deleted"}), _THAT_WEBHOOK),
        "test_webhook": Example(_TRIED, _THAT_WEBHOOK),
        "list_webhook_deliveries": Example(WebhookDeliveries(data=[_DELIVERY]), _THAT_WEBHOOK),
        "redeliver_webhook": Example(
            Redelivered(queued=1), {**_THAT_WEBHOOK, "event_id": event_id(_CODED.id)}
        ),
        "get_key": Example(_KEY),
        "list_keys": Example(KeyList(data=[_OPERATOR, _KEY])),
        "create_key": Example(
            _KEY_WITH_SECRET, {"name": "n8n", "max_price": "1.00", "budget_day": "5.00"}
        ),
        "update_key": Example(
            _KEY.model_copy(update={"status": KeyStatus.SUSPENDED}),
            {**_THAT_KEY, "suspended": "yes"},
        ),
        "rotate_key": Example(
            _KEY_WITH_SECRET.model_copy(
                update={"previous_secret_until": datetime(2026, 12, 2, 14, 30, 5, tzinfo=UTC)}
            ),
            {**_THAT_KEY, "overlap_hours": 24},
        ),
        "revoke_key": Example(
            _KEY.model_copy(update={"status": KeyStatus.REVOKED, "revoked_at": _RECEIVED}),
            _THAT_KEY,
        ),
        "list_audit_log": Example(AuditLog(data=[_AUDITED]), {"subject": _KEY.id}),
    }
)
"""By the name of the operation."""

DELIVERED = _CODED
"""What is sent to a webhook."""
EVENT = f"id: {_CODED.id}\nevent: {_CODED.type.value}\ndata: {_LISTED.model_dump_json()}\n\n"
"""A message of the event stream."""
