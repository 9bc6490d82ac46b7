"""The provider's refusals: its words and the HTTP status it says them with."""

from __future__ import annotations

import math
from enum import Enum


class No(Enum):
    """Everything it refuses in always the same words: HTTP status, text."""

    NO_AUTH = 403, "Auth is not presented on the request"
    WRONG_KEY = 403, "Wrong Api Key or User is restricted"
    # Nobody has noted the real words: also a sample of a text no client knows.
    NOT_PREMIUM = 403, "Premium access is required"
    MAINTENANCE = 503, "Service is under maintenance"
    SERVICE_NOT_FOUND = 404, "Service not found"
    OUT_OF_STOCK = 400, "Service is out of stock"
    NUMBER_NOT_AVAILABLE = 400, "Number is not available"
    PRICE_TOO_HIGH = 400, "Price is above your maximum price"
    INSUFFICIENT_FUNDS = 400, "You have insufficient funds"
    TOO_MANY_ACTIVE = 400, "You have reached the maximum number of active rentals"
    RENTAL_NOT_FOUND = 404, "Rental not found"
    # Seen with HTTP 200 in somebody's live notes.
    SOMEBODY_ELSES = 200, "You do not have permission to access this rental"
    HAS_CODE = 400, "Rental already has a code"
    NOT_ACTIVE = 400, "Rental is not active"


class Refusal(Exception):
    """The provider says no; nothing was changed and nothing charged."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text

    @classmethod
    def of(cls, no: No) -> Refusal:
        """One of the refusals with fixed words."""
        return cls(*no.value)

    @classmethod
    def too_early(cls, lock_seconds: float) -> Refusal:
        """Of cancelling a young rental. Always "minutes", also for one: clients look for it."""
        return cls(
            400, f"You need to wait {math.ceil(lock_seconds / 60)} minutes before cancelling"
        )

    @classmethod
    def invalid(cls, field: str) -> Refusal:
        """Of a value that makes no sense; a guess in the usual words of its framework."""
        return cls(400, f"The {field} field is invalid")
