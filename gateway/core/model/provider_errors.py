"""Errors of the provider: refusals and faults.

Refused: the provider declined the call and charged nothing. UpstreamFault: it failed, could not be
reached, or sent an invalid response.
"""

from decimal import Decimal
from typing import Any, NamedTuple, Self

from gateway.core.model.errors import GatewayError
from gateway.core.model.values import money_text

LOST_CHANGE = (
    "The request was sent to the provider and its answer was lost: it may have gone through."
)
_LOOK = (
    "Read the rental with get_rental (a long one with list_long_rentals) to see whether it did; "
    "repeating the call does no harm."
)


class Refused(GatewayError):
    """The provider declined the call: definite, nothing was charged."""

    code, title, http_status = "upstream_refused", "Refused by the provider", 409
    happened = "The provider refused."


class OutOfStock(Refused):
    """The provider has no number for this service at the moment."""

    code, title, retryable = "out_of_stock", "Out of stock", True
    happened = "The provider has no number for this service right now."
    advice = "Try again later, or without carrier and area codes."


class PriceTooHigh(Refused):
    """The price is above the caller's max_price or a limit of its key.

    `price_needed`: the lowest max_price in USD that would be enough; None: not known.
    """

    code, title = "price_too_high", "Price too high"
    happened = "The price is above max_price."
    advice = "See list_prices, or raise max_price."

    def __init__(
        self, happened: str | None = None, *, price_needed: Decimal | None = None, **more: Any
    ) -> None:
        """`more`: as of GatewayError."""
        super().__init__(happened, **more)
        self.price_needed = price_needed

    def needs(self, price: Decimal) -> None:
        """Add the lowest max_price that would be enough."""
        self.price_needed = price
        said = f"The price is above max_price: it takes {money_text(price)} USD now."
        self.detail = self.detail.replace(self.happened, said)


class InsufficientFunds(Refused):
    """The balance at the provider does not cover the purchase."""

    code, title = "insufficient_funds", "Insufficient funds"
    happened = "The balance at the provider is too low."
    advice = "Top up at https://getatext.com, then try again."


class TooManyActiveRentals(Refused):
    """The limit of simultaneous rentals is reached, the provider's or the key's."""

    code, title, retryable = "too_many_active_rentals", "Too many active rentals", True
    happened = "The highest number of active rentals is reached."
    advice = "Cancel or complete a rental first."


class ToldLock(NamedTuple):
    """For how long it cannot be cancelled, in the provider's words; `more`: from now on."""

    seconds: float
    more: bool


class CancelTooEarly(Refused):
    """The provider refuses to cancel a rental this young. `lock`: as far as its words tell."""

    lock: ToldLock | None = None
    code, title, retryable = "cancel_too_early", "Too early to cancel", True
    happened = "The provider does not cancel a rental this young; it stays active."
    advice = "Wait some minutes, then cancel again."


class CodeAlreadyReceived(Refused):
    """A rental that has its code can no longer be cancelled."""

    code, title = "code_already_received", "Code already received"
    happened = "The rental already has a code, so it cannot be cancelled."
    advice = "Read the code with get_rental, then complete the rental."


class RentalEnded(Refused):
    """The rental has ended already."""

    code, title = "rental_ended", "Rental ended"
    happened = "The rental is not active any more."
    advice = "Read it with get_rental, or rent the number again."


class UpstreamRefused(Refused):
    """A refusal with an unknown message, which is passed on."""


class UpstreamFault(GatewayError):
    """The provider failed or could not be reached; the call may be retried.

    `lost`: it was a change, was sent, and may have been made.
    """

    code, title, http_status = "upstream_error", "Provider error", 502
    retryable = True
    happened = "The provider failed."
    advice = "Try again later."
    lost = False

    @classmethod
    def of_change(cls, **more: Any) -> Self:
        """The error of a change that was sent and whose answer was lost."""
        error = cls(LOST_CHANGE, advice=_LOOK, **more)
        error.lost = True
        return error


class UpstreamAuthFailed(UpstreamFault):
    """The provider rejects the API key."""

    code, title, retryable = "upstream_auth_failed", "Provider refuses the key", False
    happened = "The provider refuses the gateway's own key."
    advice = "The operator must check GETATEXT_API_KEY."


class UpstreamError(UpstreamFault):
    """The provider responded with a server error."""


class UpstreamBadResponse(UpstreamFault):
    """The provider's response cannot be parsed."""

    code, title = "upstream_bad_response", "Unreadable answer of the provider"
    happened = "The provider's answer could not be read."


class UpstreamMaintenance(UpstreamFault):
    """The provider reports maintenance."""

    code, title, http_status = "upstream_maintenance", "Provider under maintenance", 503
    happened = "The provider is under maintenance."
    usual_wait = 5.0


class UpstreamUnavailable(UpstreamFault):
    """The provider cannot be reached."""

    code, title, http_status = "upstream_unavailable", "Provider unavailable", 503
    happened = "The provider cannot be reached."
    usual_wait = 2.0


class UpstreamTimeout(UpstreamFault):
    """The provider did not respond in time."""

    code, title, http_status = "upstream_timeout", "Provider time-out", 504
    happened = "The provider did not answer in time."
    usual_wait = 2.0
