"""What a call is answered with."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

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
