"""Calls of every operation, by which ways to it are compared: those that work, and refusals."""

import json
from typing import Any

from adapters.simulator import Fault, FaultKind

# What two calls of one operation cannot have in common.
MOVING = {"balance", "ledger_id", "id", "rental_id", "number", "created_at", "ends_at"}
MOVING |= {
    "cancel_requested_at",
    "replaces",
    "fetched_at",
    "spent_today",
    "spent_total",
    "received_at",
    "code_received_at",
}
RENT = {"service_code": "whatsapp", "max_price": 1}

# A call of each operation that works; RENTAL and LONG are things that were bought for it.
RENTAL, LONG = "a rental", "a long rental"
INPUTS: dict[str, dict[str, Any]] = {
    "list_prices": {"limit": 3},
    "get_balance": {},
    "get_usage": {},
    "rent_number": RENT,
    "list_rentals": {"limit": 2},
    "get_rental": {"rental_id": RENTAL},
    "wait_for_code": {"rental_id": RENTAL, "wait_seconds": 0},
    "cancel_rental": {"rental_id": RENTAL},
    "complete_rental": {"rental_id": RENTAL},
    "rent_again": {"rental_id": RENTAL},
    "replace_rental": {"rental_id": RENTAL},
    "list_long_rentals": {},
    "create_long_rental": {"period": "1m"},
    "renew_long_rental": {"long_rental_id": LONG},
    "cancel_long_rental": {"long_rental_id": LONG},
    "set_auto_renew": {"long_rental_id": LONG, "auto_renew": True},
    "list_messages": {"long_rental_id": LONG},
}
HELD = {"rental_id": RENTAL}
LONG_RENT = "create-long-rental"


def says(call: str, words: str, status: int = 400) -> Fault:
    """The provider refuses every such call with these words."""
    body = json.dumps({"errors": words})
    return Fault(call, FaultKind.STATUS, status=status, body=body, times=None)


CODES: list[tuple[str, dict[str, Any], Fault | None, str]] = [
    ("rent_number", {**RENT, "service_code": "no_such"}, None, "service_not_found"),
    ("rent_number", {**RENT, "max_price": "0.01"}, None, "price_too_high"),
    ("rent_number", RENT, says("rent-a-number", "out of stock"), "out_of_stock"),
    ("rent_number", RENT, says("rent-a-number", "insufficient funds"), "insufficient_funds"),
    (
        "rent_number",
        RENT,
        says("rent-a-number", "maximum number of active rentals"),
        "too_many_active_rentals",
    ),
    ("rent_number", RENT, says("rent-a-number", "new words"), "upstream_refused"),
    ("rent_number", RENT, says("rent-a-number", "maintenance", 503), "upstream_maintenance"),
    ("rent_number", RENT, Fault("rent-a-number", FaultKind.DROP_AFTER, None), "outcome_unknown"),
    ("replace_rental", HELD, says("rent-a-number", "out of stock"), "out_of_stock"),
    ("replace_rental", {**HELD, "keep_carrier": True}, None, "invalid_request"),
    ("create_long_rental", {"period": "1w"}, says(LONG_RENT, "low balance"), "insufficient_funds"),
    ("cancel_rental", HELD, says("cancel-rental", "already has code"), "code_already_received"),
    ("complete_rental", HELD, says("completed", "not active"), "rental_ended"),
    ("get_rental", HELD, Fault("rental-status", FaultKind.STATUS, None), "upstream_error"),
    ("get_balance", {}, says("balance", "wrong api key", 401), "unauthorized"),
    ("get_balance", {}, Fault("balance", FaultKind.CUT_JSON, None), "upstream_bad_response"),
]


def compared(value: Any) -> Any:
    """Without what is absent, and without what two calls cannot have in common."""
    if isinstance(value, dict):
        return {
            name: compared(each)
            for name, each in value.items()
            if name not in MOVING and each is not None
        }
    return [compared(each) for each in value] if isinstance(value, list) else value
