"""Errors that only tools raise.

GatewayError
├─ DuplicatePurchase: the same purchase again within seconds
├─ ConfirmationRequired: the client cannot ask a person
└─ NotConfirmed: a person was asked and did not agree
"""

from gateway.core.model.errors import GatewayError


class DuplicatePurchase(GatewayError):
    """The same purchase was made, or is being made, within seconds."""

    code, title, http_status = "duplicate_purchase", "Duplicate purchase", 409
    happened = "The same purchase was made seconds ago; this one, a second, was not sent."
    advice = (
        "Use what the first call bought. Only to buy again on purpose, "
        "repeat it with allow_duplicate true."
    )


class ConfirmationRequired(GatewayError):
    """A person has to agree, and this client cannot ask one."""

    code, title, http_status = "confirmation_required", "Confirmation required", 403
    happened = "A person has to confirm this price, and this client cannot ask one."


class NotConfirmed(GatewayError):
    """The person asked did not agree."""

    code, title, http_status = "not_confirmed", "Not confirmed", 403
    happened = "The person who was asked did not confirm the purchase."
    advice = "Do not repeat it unless they ask for it."
