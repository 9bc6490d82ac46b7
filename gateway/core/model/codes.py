"""SMS codes: the value, and the input of wait_for_code."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, WithJsonSchema

from gateway.core.model.plain_codes import shows_code
from gateway.core.model.rentals import OVER, EndedReason, OneRental, ReceivedCode, Rental
from gateway.core.model.values import CountAsked, Frozen, Id, Instant

MAX_WAIT = 25
MAX_CODE_TEXT = 1000
"""The most characters of a code: for some services the provider gives the whole SMS as the code."""


WaitAsked = Annotated[
    CountAsked,
    Field(ge=0, le=MAX_WAIT),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_WAIT}),
]
"""How many seconds to wait."""


class CodeStatus(StrEnum):
    """Whether there is a code."""

    PENDING = "pending"
    RECEIVED = "received"
    ENDED = "ended"


class Code(Frozen):
    """The code of a rental, or that there is none yet, or none any more."""

    rental_id: Id = Field(description="The rental's id.")
    status: CodeStatus = Field(
        description="received: here is a code; pending: ask again; ended: none will come."
    )
    code: str | None = Field(None, description="The code, as text: it may begin with a zero.")
    received_at: Instant | None = Field(None, description="When the gateway learned of the code.")
    ended_reason: EndedReason | None = Field(
        None, description="Why no code will come; null unless ended."
    )
    retry_after_seconds: int | None = Field(
        None, description="While pending: after how many seconds to ask again."
    )
    provisional: bool = Field(
        False,
        description="A leading zero may lack: read it again soon.",
    )


class WaitForCode(OneRental):
    """The input of wait_for_code."""

    wait_seconds: WaitAsked = Field(20, description="How many seconds to wait.")
    after_code: Annotated[str, Field(max_length=MAX_CODE_TEXT)] | None = Field(
        None, description="A code you have already: wait for another."
    )


def code_of(rental: Rental, after: str | None) -> Code | None:
    """The final answer for a waiter that already has the code `after`; None: still pending."""
    assert rental.id is not None  # noqa: S101 - only rentals with an id are waited for
    if rental.code is not None and not (after and shows_code(rental.code, after)):
        return Code(
            rental_id=rental.id,
            status=CodeStatus.RECEIVED,
            code=rental.code,
            received_at=rental.code_received_at,
        )
    if rental.status in OVER:
        return Code(rental_id=rental.id, status=CodeStatus.ENDED, ended_reason=rental.ended_reason)
    return None


def with_code(
    kept: Iterable[ReceivedCode], code: str | None, at: datetime | None
) -> tuple[ReceivedCode, ...]:
    """The codes of a rental, newest first, with the one just read, if any."""
    if code is None or at is None:
        return tuple(kept)
    others = (
        each
        for each in kept
        if each.code != code and not (each.provisional and same_code(each.code, code))
    )
    return (ReceivedCode(code=code, received_at=at), *others)


def with_announced(kept: Iterable[ReceivedCode], code: ReceivedCode) -> tuple[ReceivedCode, ...]:
    """The codes of a rental, newest first, with one that a webhook brought, if it is another."""
    codes = tuple(kept)
    if any(same_code(code.code, each.code) for each in codes):
        return codes
    return tuple(sorted((code, *codes), key=lambda each: each.received_at, reverse=True))


def same_code(hinted: str | None, code: str | None) -> bool:
    """Whether a webhook's code equals `code`, leading zeros apart: webhooks drop them."""
    return hinted is not None and code is not None and hinted.lstrip("0") == code.lstrip("0")
