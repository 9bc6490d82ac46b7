"""The provider's errors: their texts and HTTP statuses."""

from __future__ import annotations

import math
from enum import Enum


class Reason(Enum):
    """The errors with a fixed text, as HTTP status and text."""

    NO_AUTH = 403, "Auth is not presented on the request"
    WRONG_KEY = 403, "Wrong Api Key or User is restricted"
    # The real text is unknown; this one also stands for any text that clients do not know.
    NOT_PREMIUM = 403, "Premium access is required"
    MAINTENANCE = 503, "Service is under maintenance"
    SERVICE_NOT_FOUND = 404, "Service not found"
    OUT_OF_STOCK = 400, "Service is out of stock"
    NUMBER_NOT_AVAILABLE = 400, "Number is not available"
    PRICE_TOO_HIGH = 400, "Price is above your maximum price"
    INSUFFICIENT_FUNDS = 400, "You have insufficient funds"
    TOO_MANY_ACTIVE = 400, "You have reached the maximum number of active rentals"
    RENTAL_NOT_FOUND = 404, "Rental not found"
    # Observed with HTTP 200 in notes of live calls.
    WRONG_OWNER = 200, "You do not have permission to access this rental"
    HAS_CODE = 400, "Rental already has a code"
    NOT_ACTIVE = 400, "Rental is not active"


class Refusal(Exception):
    """The provider refuses a request; nothing was changed or charged."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text

    @classmethod
    def of(cls, reason: Reason) -> Refusal:
        """A refusal with a fixed text."""
        return cls(*reason.value)

    @classmethod
    def too_early(cls, lock_seconds: float) -> Refusal:
        """A cancel too soon after the rent. It says "minutes" even for one: clients match it."""
        return cls(
            400, f"You need to wait {math.ceil(lock_seconds / 60)} minutes before cancelling"
        )

    @classmethod
    def invalid(cls, field: str) -> Refusal:
        """An invalid value; the text is a guess at that of the provider's framework."""
        return cls(400, f"The {field} field is invalid")
