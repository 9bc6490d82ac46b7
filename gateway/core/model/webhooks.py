"""Outgoing webhooks: a key's URLs that events are sent to; values, inputs and what is stored."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from gateway.core.model.events import Event, EventId, EventIdAsked, EventType
from gateway.core.model.moments import InstantAsked
from gateway.core.model.values import Frozen, Instant, LimitAsked, ServiceCode, line_asked

TEST_TYPE = "webhook.test"
"""The type of what test_webhook sends, which is no event."""
MAX_ANSWER = 1000
"""How many characters of a receiver's answer are kept."""
MAX_URL = 2000


class WebhookFormat(StrEnum):
    """How an event is written into a delivery."""

    STANDARD = "standard"
    SMS_ACTIVATE = "sms_activate"


class DisabledReason(StrEnum):
    """Why a webhook was disabled: 410, four days of failures, or too many events behind."""

    GONE = "gone"
    FAILING = "failing"
    BEHIND = "behind"


class DeliveryState(StrEnum):
    """What stands of a delivery: to be tried, received, or given up."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


def _event_types_asked(raw: object) -> object:
    """Types of events, from a list or from text with commas; each once, in the list's order."""
    if isinstance(raw, str):
        raw = raw.split(",")
    if not isinstance(raw, list | tuple | set | frozenset):
        raise ValueError("must be a list of event types")
    asked = {str(each).strip().lower() for each in raw} - {""}
    known = [type for type in EventType if type.value in asked]
    if not asked or len(known) != len(asked):
        names = ", ".join(EventType)
        raise ValueError(f"must be event types with commas between them, of: {names}")
    return tuple(known)


EventTypes = Annotated[
    tuple[EventType, ...],
    BeforeValidator(_event_types_asked),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "string", "enum": [type.value for type in EventType]},
            "minItems": 1,
        }
    ),
]
"""The types of events in an input: a list, or text with commas."""

WebhookId = Annotated[str, Field(pattern=r"^wh_[0-9a-f]{24}$", examples=[f"wh_{'5e' * 12}"])]
"""A webhook's id."""

Description = Annotated[str, Field(max_length=200), BeforeValidator(line_asked)]
"""The caller's own words on a webhook."""


@dataclass(frozen=True, slots=True)
class StoredWebhook:
    """A webhook as it is stored. No secret stands in it: they are derived from its id.

    `cursor`: the id of the last event that was looked at for it. `failing_since`: when the first
    try failed after the last success. `generation` names which of the secrets of its id it has.
    """

    id: str
    account_id: str
    caller_id: str
    url: str
    events: tuple[EventType, ...]
    service_code: str | None
    description: str | None
    format: WebhookFormat
    created_at: datetime
    cursor: int
    generation: int = 1
    disabled_reason: DisabledReason | None = None
    failing_since: datetime | None = None

    def takes(self, event: Event) -> bool:
        """Whether it is to be told of an event that its key may see."""
        if event.type not in self.events:
            return False
        if self.service_code is None:
            return True
        return event.data is not None and event.data.service_code == self.service_code


class Webhook(Frozen):
    """A URL that events are sent to."""

    id: str = Field(description="Its id.")
    url: str = Field(description="Where events are sent to.")
    events: tuple[EventType, ...] = Field(description="The types of events that are sent.")
    service_code: str | None = Field(
        description="Only events of rentals of this service; null: all."
    )
    description: str | None = Field(description="What its owner calls it.")
    format: WebhookFormat = Field(description="How an event is written.")
    status: Literal["enabled", "disabled", "deleted"] = Field(
        description="Whether events are sent."
    )
    disabled_reason: DisabledReason | None = Field(
        description="gone: it answered 410. failing: four days of failures. behind: 10,000 events "
        "waited. Creating it again enables it."
    )
    created_at: Instant = Field(description="When it was created.")


class CreatedWebhook(Webhook, defer_build=True):
    """The webhook, and once the secret that its deliveries are signed with."""

    secret: str | None = Field(
        description="Signs each delivery (Standard Webhooks). Told once: null where the webhook "
        "was there."
    )
    _delete_token: str = PrivateAttr("")

    @classmethod
    def of(cls, shown: Webhook, secret: str | None, delete_token: str) -> "CreatedWebhook":
        """A webhook with its secret; `delete_token` opens its deletion, without a key."""
        made = cls(**dict(shown), secret=secret)
        made._delete_token = delete_token
        return made

    @property
    def delete_token(self) -> str:
        """What opens the webhook's deletion. It stands in no JSON."""
        return self._delete_token


class Webhooks(Frozen, defer_build=True):
    """The key's webhooks; of an admin key all of the account."""

    data: list[Webhook] = Field(description="The webhooks, oldest first.")
    next_cursor: str | None = Field(None, description="Always null: the list comes whole.")


class WebhookTry(Frozen):
    """What came of sending to a webhook once."""

    delivered: bool = Field(description="Whether it answered with a status of success (2xx).")
    status: int | None = Field(description="The HTTP status; null where no answer came.")
    error: str | None = Field(description="Why it failed; null where it did not.")
    answer: str | None = Field(description="How its answer begins; at most 1,000 characters.")
    duration_ms: int | None = Field(description="How long the try took, in milliseconds.")


class WebhookDelivery(Frozen):
    """An event on its way to a webhook, and its last try."""

    event_id: EventId = Field(description="The event, which is also the header webhook-id.")
    type: EventType = Field(description="What happened.")
    state: DeliveryState = Field(
        description="pending: it is tried again. delivered. failed: given up."
    )
    tries: int = Field(description="How many times it was sent.")
    tried_at: Instant | None = Field(description="When it was sent last; null: not yet.")
    next_try_at: Instant | None = Field(description="When it is sent next; null: it is not.")
    status: int | None = Field(description="The last HTTP status; null where no answer came.")
    error: str | None = Field(description="Why the last try failed; null where it did not.")
    answer: str | None = Field(description="How the last answer begins; at most 1,000 characters.")
    duration_ms: int | None = Field(description="How long the last try took, in milliseconds.")


class WebhookDeliveries(Frozen, defer_build=True):
    """A webhook's deliveries, newest event first."""

    data: list[WebhookDelivery] = Field(description="The deliveries that fit, newest event first.")
    next_cursor: str | None = Field(
        None, description="Pass it as cursor for the next page; null on the last."
    )


class Redelivered(Frozen):
    """How many events are sent again."""

    queued: int = Field(description="How many events are now on their way again.")


class CreateWebhook(Frozen, defer_build=True):
    """The input of create_webhook."""

    url: Annotated[str, Field(min_length=1, max_length=MAX_URL)] = Field(
        description="Where to send events: a public https address.",
        examples=["https://example.com/hooks/sms"],
    )
    events: EventTypes = Field(description="Which events to send.")
    service_code: ServiceCode | None = Field(
        None, description="Send only events of rentals of this service."
    )
    description: Description | None = Field(None, description="Your own words on it.")
    format: WebhookFormat = Field(
        WebhookFormat.STANDARD,
        description="standard: as list_events tells it. sms_activate: as tools of that family "
        "expect it, for rental.code_received only.",
    )

    @field_validator("format")
    @classmethod
    def _tells_all(cls, format: WebhookFormat, info: ValidationInfo) -> WebhookFormat:
        others = set(info.data.get("events", ())) - {EventType.RENTAL_CODE_RECEIVED}
        if format is WebhookFormat.SMS_ACTIVATE and others:
            raise ValueError("sms_activate tells of rental.code_received only; name no other event")
        return format


class OneWebhook(Frozen, defer_build=True):
    """The input of operations on one webhook."""

    webhook_id: WebhookId = Field(description="The webhook's id.")


class ListWebhookDeliveries(OneWebhook):
    """The input of list_webhook_deliveries."""

    state: Literal["any", "pending", "delivered", "failed"] = Field(
        "any", description="Only deliveries that stand so."
    )
    limit: LimitAsked = Field(100, description="How many at the most.")
    cursor: EventIdAsked | None = Field(
        None, description="The next_cursor of the page before; keep the other inputs the same."
    )


class RedeliverWebhook(OneWebhook):
    """The input of redeliver_webhook: one event, or a time."""

    event_id: EventIdAsked | None = Field(
        None, description="Send this event again, delivered or not."
    )
    since: InstantAsked | None = Field(
        None, description="Send every event since then that was not delivered."
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> "RedeliverWebhook":
        if (self.event_id is None) == (self.since is None):
            raise ValueError("must have either event_id or since")
        return self


def shown(stored: StoredWebhook, *, deleted: bool = False) -> Webhook:
    """A webhook as its owner sees it."""
    status: Literal["enabled", "disabled", "deleted"] = "enabled"
    if stored.disabled_reason is not None:
        status = "disabled"
    return Webhook(
        id=stored.id,
        url=stored.url,
        events=stored.events,
        service_code=stored.service_code,
        description=stored.description,
        format=stored.format,
        status="deleted" if deleted else status,
        disabled_reason=stored.disabled_reason,
        created_at=stored.created_at,
    )
