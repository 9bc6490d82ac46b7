"""Errors that only tools raise.

GatewayError
├─ ConfirmationRequired: nobody could be asked
└─ NotConfirmed: a person, or the client for one, did not agree
"""

from gateway.core.model.errors import GatewayError


class ConfirmationRequired(GatewayError):
    """A person has to agree, and nobody could be asked."""

    code, title, http_status = "confirmation_required", "Confirmation required", 403
    happened = "A person has to confirm this price, and nobody could be asked."


class NotConfirmed(GatewayError):
    """The person asked did not agree."""

    code, title, http_status = "not_confirmed", "Not confirmed", 403
    happened = "The person who was asked did not confirm the purchase."
    advice = "Do not repeat it unless the user asks for it."
