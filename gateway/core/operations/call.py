"""One invocation of an operation, and its answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Generic, TypeVar

from pydantic import BaseModel

from gateway.core.model.callers import Caller

Out = TypeVar("Out", bound=BaseModel)


@dataclass(slots=True)  # not frozen: that would make its creation three times slower
class Answer(Generic[Out]):
    """The result of a call. `body` is the stored JSON of a replay, to be sent byte for byte.

    `purchase` is the ledger_id of a purchase, by which a face reports an undelivered answer.
    """

    value: Out
    body: bytes | None = None
    replayed: bool = False
    purchase: str | None = None


@dataclass(slots=True)
class CallNote:
    """What a request came to, for its line in the log: of several operations the weightiest.

    `about` has the provider's id of the rental it acted on or bought, under its name in the log.
    """

    caller: Caller | None = None
    operation: str = ""
    about: dict[str, int] = field(default_factory=dict)
    weight: int = -1


@dataclass(slots=True)
class Call:
    """One call of an operation: its caller, and its trace id for the log.

    `request_id` is the idempotency key of a purchase, for faces that take it outside the input;
    `redeliverable` is for faces whose clients cannot send one. `at_most` is the highest price that
    the face allows, in USD; it is not part of the fingerprint. `begun` is called with the ledger_id
    of a purchase once that is in the ledger, so that it can be reported as undelivered. `over_mcp`:
    a purchase that an agent makes, which may not repeat one of its last; `allow_duplicate`: it may.
    `note`: where the request wants to know what became of it.
    """

    caller: Caller
    trace_id: str
    request_id: str | None = None
    redeliverable: bool = False
    at_most: Decimal | None = None
    begun: Callable[[str], None] | None = None
    over_mcp: bool = False
    allow_duplicate: bool = False
    note: CallNote | None = None
