"""What a call is answered with."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

from pydantic import BaseModel

from gateway.core.model.callers import Caller

Out = TypeVar("Out", bound=BaseModel)


@dataclass(slots=True)  # a frozen one costs three times as much to make
class Answer(Generic[Out]):
    """The value of a call. `body` is its kept JSON where it must be given byte for byte.

    `purchase` names the ledger entry of a purchase: a face that could not deliver the answer
    says so by it.
    """

    value: Out
    body: bytes | None = None
    replayed: bool = False
    purchase: str | None = None


@dataclass(slots=True)
class Call:
    """One call: who asks, and the name by which it is found in the log.

    `request_id` makes a purchase repeatable, for faces that take it beside the input;
    `redeliverable` is for faces on which callers cannot send one. `at_most` is the highest price
    that the face allows, whatever the caller does; it is no part of what is asked. `begun` is told
    the name of a purchase once it is written down, by which it can be reported as undelivered.
    """

    caller: Caller
    trace_id: str
    request_id: str | None = None
    redeliverable: bool = False
    at_most: Decimal | None = None
    begun: Callable[[str], None] | None = None
