"""The audit log: who changed keys, purchases and webhooks, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from gateway.core.model.values import MAX_ID, CountAsked, Frozen, Instant, LimitAsked

AUDIT_PREFIX = "aud_"
COMMAND = "command"
"""The actor of what was done at the gateway's own command line."""


class AuditAction(StrEnum):
    """What was done."""

    KEY_CREATED = "key.created"
    KEY_UPDATED = "key.updated"
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    PURCHASE_SETTLED = "purchase.settled"
    PURCHASE_REFUNDED = "purchase.refunded"
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_DELETED = "webhook.deleted"
    OAUTH_AUTHORIZED = "oauth.authorized"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An entry to be written, in the transaction of what it tells.

    `actor`: the id of the key that did it, or `COMMAND`. `subject`: the id of what
    was changed. `details`: values of JSON, never a secret.
    """

    at: datetime
    actor: str
    action: AuditAction
    subject: str
    details: Mapping[str, Any] = field(default_factory=dict)


def audit_id(number: int) -> str:
    """The id of an entry as it is told."""
    return f"{AUDIT_PREFIX}{number}"


def _without_prefix(raw: object) -> object:
    return raw.strip().removeprefix(AUDIT_PREFIX) if isinstance(raw, str) else raw


AuditId = Annotated[
    int,
    BeforeValidator(_without_prefix),
    PlainSerializer(audit_id, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^aud_[0-9]+$", "examples": ["aud_7"]}),
]
"""An entry's id: an int in Python, `aud_7` in JSON."""

AuditIdAsked = Annotated[
    CountAsked,
    BeforeValidator(_without_prefix),
    Field(ge=0, le=MAX_ID),
    WithJsonSchema({"type": "string", "pattern": "^(aud_)?[0-9]{1,18}$", "examples": ["aud_7"]}),
]
"""An entry's id in an input, with its prefix or without."""


class AuditEntry(Frozen):
    """One thing that was done."""

    id: AuditId = Field(description="Its id; newer entries have higher ones.")
    timestamp: Instant = Field(description="When it was done.")
    actor: str = Field(
        description="Who did it: the id of a key; `command`: the gateway's own command line."
    )
    actor_name: str | None = Field(description="The name of that key.")
    action: AuditAction = Field(description="What was done.")
    subject: str = Field(description="The id of the key, purchase or webhook it was done to.")
    details: dict[str, Any] = Field(description="What was changed, by name; never a secret.")


class ListAuditLog(Frozen, defer_build=True):
    """The input of list_audit_log: filters and page."""

    subject: str | None = Field(
        None, max_length=100, description="Only what was done to the key, purchase or webhook."
    )
    limit: LimitAsked = Field(100, description="How many at the most.")
    cursor: AuditIdAsked | None = Field(
        None, description="The next_cursor of the page before; keep the other inputs the same."
    )


class AuditLog(Frozen, defer_build=True):
    """What was done, newest first."""

    data: list[AuditEntry] = Field(description="The entries that fit, newest first.")
    next_cursor: str | None = Field(
        None, description="Pass it as cursor for the next page; null on the last."
    )
