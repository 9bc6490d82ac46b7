"""Events: what happened to rentals, purchases, keys and webhooks; and the input of their list."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from gateway.core.model.rentals import Rental
from gateway.core.model.values import (
    MAX_ID,
    CountAsked,
    Frozen,
    IdFilter,
    Instant,
    LimitAsked,
    Usd,
)


class EventType(StrEnum):
    """What happened, as stored and as told. The closed list of this version."""

    RENTAL_CREATED = "rental.created"
    RENTAL_CODE_RECEIVED = "rental.code_received"
    RENTAL_CANCEL_REQUESTED = "rental.cancel_requested"
    RENTAL_REFUNDED = "rental.refunded"
    RENTAL_ENDED = "rental.ended"
    PURCHASE_OUTCOME_UNKNOWN = "purchase.outcome_unknown"
    PURCHASE_OVERCHARGED = "purchase.overcharged"
    BALANCE_LOW = "balance.low"
    KEY_BUDGET_REACHED = "key.budget_reached"
    WEBHOOK_DISABLED = "webhook.disabled"


ALARMS = (
    EventType.PURCHASE_OUTCOME_UNKNOWN,
    EventType.PURCHASE_OVERCHARGED,
    EventType.BALANCE_LOW,
    EventType.KEY_BUDGET_REACHED,
    EventType.WEBHOOK_DISABLED,
)
"""The types that ask for somebody's attention."""

ID_PREFIX = "evt_"


def event_id(number: int) -> str:
    """The id of an event as the list tells it; the stream tells the plain number."""
    return f"{ID_PREFIX}{number}"


def _without_prefix(raw: object) -> object:
    return raw.strip().removeprefix(ID_PREFIX) if isinstance(raw, str) else raw


EventId = Annotated[
    int,
    BeforeValidator(_without_prefix),
    PlainSerializer(event_id, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^evt_[0-9]+$", "examples": ["evt_71"]}),
]
"""An event's id: an int in Python, `evt_71` in JSON."""

EventIdAsked = Annotated[
    CountAsked,
    BeforeValidator(_without_prefix),
    Field(ge=0, le=MAX_ID),
    WithJsonSchema({"type": "string", "pattern": "^(evt_)?[0-9]{1,18}$", "examples": ["evt_71"]}),
]
"""An event's id in an input, with its prefix or without."""


class EventDetails(Frozen):
    """What an alarm tells; null is what does not concern its type."""

    ledger_id: str | None = Field(None, description="purchase.*: the purchase.")
    operation: str | None = Field(None, description="purchase.*: the operation that made it.")
    reserved: Usd | None = Field(
        None, description="purchase.*: what was reserved; null where its price was not known."
    )
    charged: Usd | None = Field(None, description="purchase.overcharged: what was charged.")
    key_id: str | None = Field(None, description="key.budget_reached: the key.")
    key_name: str | None = Field(None, description="key.budget_reached: the key's name.")
    limit: Literal["day", "total"] | None = Field(
        None, description="key.budget_reached: which budget."
    )
    percent: Literal[80, 100] | None = Field(
        None, description="key.budget_reached: how much of it is spent."
    )
    spent: Usd | None = Field(
        None, description="key.budget_reached: what is spent, without purchases under way."
    )
    budget: Usd | None = Field(None, description="key.budget_reached: the whole budget.")
    balance: Usd | None = Field(None, description="balance.low: the account's balance.")
    threshold: Usd | None = Field(None, description="balance.low: below which it is low.")
    webhook_id: str | None = Field(None, description="webhook.disabled: the webhook.")
    reason: Literal["gone", "failing", "behind"] | None = Field(
        None, description="webhook.disabled: why; as its disabled_reason."
    )


@dataclass(frozen=True, slots=True)
class Alarm:
    """An event that asks for somebody's attention.

    `caller_id`: the caller it concerns; None: only those who see the whole account.
    """

    type: EventType
    account_id: str
    caller_id: str | None
    details: EventDetails


class Event(Frozen):
    """Something that happened. Ids increase in the order in which events become readable."""

    id: EventId = Field(description="Its id, never given twice; newer events have higher ones.")
    type: EventType = Field(description="What happened.")
    timestamp: Instant = Field(description="When the gateway learned of it.")
    data: Rental | None = Field(
        description="The rental as it stood then; null for an event that is about no rental."
    )
    details: EventDetails | None = Field(
        None, description="What purchase.*, key.*, balance.* and webhook.* tell besides; else null."
    )
    test: bool = Field(False, description="Whether it concerns test keys: nothing real happened.")


class ListEvents(Frozen):
    """The input of list_events: filters and page."""

    type: Literal[
        "any",
        "rental.created",
        "rental.code_received",
        "rental.cancel_requested",
        "rental.refunded",
        "rental.ended",
        "purchase.outcome_unknown",
        "purchase.overcharged",
        "balance.low",
        "key.budget_reached",
        "webhook.disabled",
    ] = Field("any", description="Only events of this type.")
    rental_id: IdFilter | None = Field(None, description="Only events of this rental; 0 for any.")
    after_id: EventIdAsked | None = Field(
        None, description="Only events newer than the one with this id."
    )
    limit: LimitAsked = Field(100, description="How many at the most.")
    cursor: EventIdAsked | None = Field(
        None, description="The next_cursor of the page before; keep the other inputs the same."
    )

    @property
    def only(self) -> EventType | None:
        """The type asked for; None for any."""
        return None if self.type == "any" else EventType(self.type)


class EventList(Frozen):
    """Events this gateway keeps, newest first."""

    data: list[Event] = Field(description="The events that fit, newest first.")
    next_cursor: str | None = Field(
        None, description="Pass it as cursor for the next page; null on the last."
    )
