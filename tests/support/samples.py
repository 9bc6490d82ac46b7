"""The provider's bodies as its API page prints them (page)."""

from dataclasses import dataclass
from typing import Any

RENTED: dict[str, Any] = {
    "id": 12345, "status": "success", "message": "Number rented successfully.", "errors": None,
    "end_time": "2025-07-06 15:43:37", "number": "1234567890", "service_name": "Whatsapp",
    "price": "0.55", "new_balance": "113.32",
}  # fmt: skip
STATUS: dict[str, Any] = {
    "id": 12345, "status": "active", "code": None, "errors": None,
    "end_time": "2025-07-06 15:43:37", "number": "1234567890", "service_name": "Whatsapp",
    "cost": "0.55", "balance": "113.32",
}  # fmt: skip
CANCELLED: dict[str, Any] = {**STATUS, "status": "cancelled", "balance": "113.87"}
COMPLETED: dict[str, Any] = {
    "status": "success", "message": "Rental marked as completed successfully.", "errors": "null",
    "rental": {
        "id": 12345, "end_time": "2025-08-12 00:19:30", "number": "1234567890",
        "service_name": "Whatsapp", "price": "0.1", "new_balance": "9.9",
    },
}  # fmt: skip
PRICE: dict[str, Any] = {
    "service_name": "Whatsapp", "api_name": "whatsapp", "multiple_sms": "true", "price": "0.55",
    "ttl": 5, "stock": 120,
}  # fmt: skip
PRICES: dict[str, Any] = {"status": "success", "errors": None, "prices": [PRICE]}
BALANCE: dict[str, Any] = {"status": "success", "balance": "10.55", "errors": "null"}
LONG: dict[str, Any] = {
    "id": 1, "number": "1234567890", "end_time": "2025-07-06", "rented_at": "2025-07-01",
    "price": "10.55", "status": "Active", "period": "1 Week", "auto_renew": True,
}  # fmt: skip
LONG_LIST: dict[str, Any] = {"status": "success", "long_rentals": [LONG], "errors": "null"}
LONG_MADE: dict[str, Any] = {"status": "success", "long_rental": LONG, "errors": "null"}
TEXT: dict[str, Any] = {
    "message": "This is a example message", "number": "1234567890",
    "rented_at": "2025-07-28T12:39:32-04:00", "sender": "8888",
}  # fmt: skip
TEXTS: dict[str, Any] = {"status": "success", "messages": [TEXT], "errors": "null"}


@dataclass(frozen=True, slots=True)
class Ask:
    """How an operation is asked for, and how the provider answers it when all is well."""

    method: str
    path: str
    json: Any
    status: int
    body: dict[str, Any]
    spends: bool = False


# One for each operation of the catalog.
ASKS: dict[str, Ask] = {
    "list_prices": Ask("GET", "/v1/prices", None, 200, PRICES),
    "get_balance": Ask("GET", "/v1/balance", None, 200, BALANCE),
    "rent_number": Ask("POST", "/v1/rentals", {"service_code": "whatsapp"}, 201, RENTED, True),
    "get_rental": Ask("GET", "/v1/rentals/12345", None, 200, STATUS),
    "cancel_rental": Ask("POST", "/v1/rentals/12345/cancel", None, 200, CANCELLED),
    "complete_rental": Ask("POST", "/v1/rentals/12345/complete", None, 200, COMPLETED),
    "rent_again": Ask("POST", "/v1/rentals/12344/rent-again", None, 201, RENTED, True),
    "list_long_rentals": Ask("GET", "/v1/long-rentals", None, 200, LONG_LIST),
    "create_long_rental": Ask("POST", "/v1/long-rentals", {"period": "1w"}, 200, LONG_MADE, True),
    "renew_long_rental": Ask("POST", "/v1/long-rentals/1/renew", None, 200, LONG_MADE, True),
    "cancel_long_rental": Ask("POST", "/v1/long-rentals/1/cancel", None, 200, LONG_MADE),
    "set_auto_renew": Ask(
        "POST", "/v1/long-rentals/1/auto-renew", {"auto_renew": True}, 200, LONG_MADE
    ),
    "list_messages": Ask("GET", "/v1/long-rentals/1/messages", None, 200, TEXTS),
}
