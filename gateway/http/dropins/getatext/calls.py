"""The provider's own calls, each declared once: its operation, inputs and response."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any, Literal

from gateway.core.model.errors import (
    InvalidRequest,
    LongRentalNotFound,
    RentalNotFound,
    ServiceNotFound,
)
from gateway.core.model.preferences import carrier_named
from gateway.core.model.values import MAX_ID
from gateway.core.operations.account import GET_BALANCE
from gateway.core.operations.long_rentals import (
    CANCEL_LONG_RENTAL,
    CREATE_LONG_RENTAL,
    LIST_LONG_RENTALS,
    LIST_MESSAGES,
    RENEW_LONG_RENTAL,
    SET_AUTO_RENEW,
)
from gateway.core.operations.operation import AnyOperation
from gateway.core.operations.polling import POLL_RENTAL
from gateway.core.operations.prices import LIST_PRICES
from gateway.core.operations.rentals import (
    CANCEL_AT_ONCE,
    COMPLETE_RENTAL,
    RENT_AGAIN,
    RENT_BY_CODE,
)
from gateway.http.dropins.getatext import bodies
from gateway.http.dropins.getatext.bodies import Json

Fields = Mapping[str, Any]
Given = dict[str, Any]
OperationInputs = tuple[AnyOperation, Given]


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call. `read` maps its fields to an operation and that one's inputs.

    `write` makes the body of the operation's value; None for the price list, whose bytes are
    cached. `keys` are those of the body; a refusal holds each of them as null. `takes` names the
    fields that a purchase may have.
    """

    method: Literal["GET", "POST"]
    path: str
    read: Callable[[Fields], OperationInputs]
    write: Callable[[Any, tzinfo], Json] | None
    keys: tuple[str, ...]
    success: int = 200
    takes: tuple[str, ...] = ()


def _rent(fields: Fields) -> OperationInputs:
    given: Given = {
        "service_code": _service(fields),
        "max_price": fields.get("max_price"),
        "carrier": _carrier(fields.get("carrier")),
        "keep_carrier": _flag(fields.get("keep_carrier")),
        "area_codes": _listed(fields.get("area_codes")),
        "lock_area_code": _flag(fields.get("lock_area_code")),
        "number": _text(fields.get("number")),
    }
    return RENT_BY_CODE, _present(given)


def _rent_specific(fields: Fields) -> OperationInputs:
    if not _text(fields.get("number")):
        raise InvalidRequest("number: is required.")
    return _rent(fields)


def _rent_again(fields: Fields) -> OperationInputs:
    one, other = _text(fields.get("rental_id")), _text(fields.get("id"))
    if one and other and one != other:
        raise InvalidRequest("id: differs from rental_id.")
    return RENT_AGAIN, {"rental_id": _rental_id(fields, "rental_id", "id")}


def _status(fields: Fields) -> OperationInputs:
    return POLL_RENTAL, {"rental_id": _rental_id(fields)}


def _cancel(fields: Fields) -> OperationInputs:
    return CANCEL_AT_ONCE, {"rental_id": _rental_id(fields)}


def _complete(fields: Fields) -> OperationInputs:
    return COMPLETE_RENTAL, {"rental_id": _rental_id(fields)}


def _nothing(op: AnyOperation) -> Callable[[Fields], OperationInputs]:
    return lambda fields: (op, {})


def _create_long(fields: Fields) -> OperationInputs:
    auto_renew = _flag(fields.get("auto_renew"))
    return CREATE_LONG_RENTAL, _present(
        {"period": fields.get("rental_time"), "auto_renew": auto_renew}
    )


def _update_long(fields: Fields) -> OperationInputs:
    given = {"long_rental_id": _long_id(fields)}
    match fields.get("action"):
        case "renew":
            return RENEW_LONG_RENTAL, given
        case "cancel":
            return CANCEL_LONG_RENTAL, given
        case "auto_renew":
            return SET_AUTO_RENEW, _present(
                {**given, "auto_renew": _flag(fields.get("auto_renew"))}
            )
    raise InvalidRequest("action: must be renew, cancel or auto_renew.")


def _texts(fields: Fields) -> OperationInputs:
    return LIST_MESSAGES, {"long_rental_id": _long_id(fields)}


def _service(fields: Fields) -> str:
    service = fields.get("service")
    if not isinstance(service, str) or not service.strip():
        raise ServiceNotFound
    return service.strip()


def _rental_id(fields: Fields, *names: str) -> int:
    found = next((found for name in names or ("id",) if (found := _id(fields, name))), None)
    if found is None:
        raise RentalNotFound
    return found


def _long_id(fields: Fields) -> int:
    found = _id(fields, "id")
    if found is None:
        raise LongRentalNotFound
    return found


def _id(fields: Fields, name: str) -> int | None:
    """An id, sent as an integer or as digits; None for anything else."""
    raw = fields.get(name)
    if isinstance(raw, str) and len(raw) < 40 and raw.strip().isascii() and raw.strip().isdigit():
        raw = int(raw)
    whole = isinstance(raw, int) and not isinstance(raw, bool) and 0 < raw <= MAX_ID
    return raw if whole else None


def _flag(raw: object) -> object:
    """Existing clients send a flag as a boolean, its name, or 1 and 0."""
    return {"1": True, "0": False}.get(str(raw), raw) if isinstance(raw, int | str) else raw


def _text(raw: object) -> str | None:
    return None if raw is None else str(raw).strip()


def _carrier(raw: object) -> object:
    """A carrier as the provider spells it, in any case; this face takes no other spelling."""
    name = raw.strip().lower() if isinstance(raw, str) else raw
    if isinstance(name, str) and (known := carrier_named(name)) not in (None, name):
        raise InvalidRequest(f"carrier: must be spelled {known}.")
    return name


def _listed(raw: object) -> object:
    """Area codes as one text; some clients send a list, or one number."""
    if isinstance(raw, list):
        return ",".join(str(each) for each in raw)
    return str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else raw


def _present(given: Given) -> Given:
    return {name: value for name, value in given.items() if value is not None}


API = "/api/v1"
RENT = ApiCall(
    "POST",
    f"{API}/rent-a-number",
    _rent,
    bodies.rented,
    bodies.RENT_KEYS,
    success=201,
    takes=(
        "service", "max_price", "carrier", "keep_carrier", "area_codes", "lock_area_code", "number",
    ),
)  # fmt: skip
STATUS = ApiCall("POST", f"{API}/rental-status", _status, bodies.status, bodies.STATUS_KEYS)
CANCEL = ApiCall("POST", f"{API}/cancel-rental", _cancel, bodies.status, bodies.STATUS_KEYS)
PRICES = ApiCall("GET", f"{API}/prices-info", _nothing(LIST_PRICES), None, bodies.PRICES_KEYS)
BALANCE = ApiCall(
    "GET", f"{API}/balance", _nothing(GET_BALANCE), bodies.balance, bodies.BALANCE_KEYS
)
_ONE_LONG = f"{API}/long-rentals/{{id}}"

CALLS = (
    RENT,
    replace(RENT, path=f"{API}/rent-specific-number", read=_rent_specific),
    replace(RENT, path=f"{API}/re-rent", read=_rent_again, takes=("rental_id", "id")),
    STATUS,
    CANCEL,
    ApiCall(
        "POST",
        f"{API}/rental-status/{{id}}/completed",
        _complete,
        bodies.completed,
        bodies.DONE_KEYS,
    ),
    PRICES,
    BALANCE,
    ApiCall(
        "GET",
        f"{API}/long-rentals",
        _nothing(LIST_LONG_RENTALS),
        bodies.long_rentals,
        bodies.LONG_LIST_KEYS,
    ),
    ApiCall(
        "POST",
        f"{API}/long-rentals",
        _create_long,
        bodies.long_rental,
        bodies.LONG_KEYS,
        takes=("rental_time", "auto_renew"),
    ),
    ApiCall(
        "POST",
        f"{_ONE_LONG}/update",
        _update_long,
        bodies.long_rental,
        bodies.LONG_KEYS,
        takes=("id", "action", "auto_renew"),
    ),
    ApiCall("GET", f"{_ONE_LONG}/messages", _texts, bodies.messages, bodies.TEXTS_KEYS),
    *(replace(call, path=f"{call.path}-premium") for call in (RENT, STATUS, CANCEL)),
)

GET_ACTIONS = {
    "getPrices": PRICES,
    "getRentalStatus": STATUS,
    "getNumber": replace(RENT, takes=(*RENT.takes, "action")),
    "cancelRental": CANCEL,
    "getBalance": BALANCE,
}
"""The calls of the GET form by its action names."""
