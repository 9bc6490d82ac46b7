"""DaisySMS, a US site that closed in 2026. Source: its API page and its public clients."""

from gateway.core.model.prices import Price
from gateway.http.dropins.sms_activate import tokens
from gateway.http.dropins.sms_activate.dialects.dialect import (
    Dialect,
    Purpose,
    Row,
    count,
    details,
)

_NOT_CANCELLED = "ACCESS_READY"
_WAITS = "STATUS_WAIT_CODE"


def _row(price: Price) -> Row:
    cost = float(price.price)
    known = {"name": price.service_name, "cost": cost, "count": count(price), "price": cost}
    return {**known, **details(price)}


DAISYSMS = Dialect(
    path="/daisysms/stubs/handler_api.php",
    words={
        Purpose.PURCHASE: {
            tokens.WRONG_MAX_PRICE: "MAX_PRICE_EXCEEDED",
            tokens.NO_BALANCE: "NO_MONEY",
            tokens.CHANNELS_LIMIT: "TOO_MANY_ACTIVE_RENTALS",
        },
        # Its tools take what follows STATUS_WAIT_RETRY for a new code.
        Purpose.STATUS: {tokens.STATUS_WAIT_RETRY: _WAITS},
        # Whatever else it answers, but for a wrong key, its tools take the number for cancelled.
        Purpose.CANCEL: {
            tokens.EARLY_CANCEL_DENIED: _NOT_CANCELLED,
            tokens.BAD_STATUS: _NOT_CANCELLED,
            tokens.BAD_ACTION: _NOT_CANCELLED,
            tokens.BANNED: _NOT_CANCELLED,
            tokens.NO_ACTIVATION: _NOT_CANCELLED,
            tokens.TROUBLE: _NOT_CANCELLED,
            tokens.WRONG_ACTIVATION_ID: _NOT_CANCELLED,
        },
        Purpose.FINISH: {
            tokens.EARLY_CANCEL_DENIED: _NOT_CANCELLED,
            tokens.WRONG_ACTIVATION_ID: tokens.NO_ACTIVATION,
        },
    },
    own_parameters=frozenset({"max_price", "areas", "carriers", "number", "ltr", "auto_renew"}),
    price_row=_row,
    verification_row=_row,
)
