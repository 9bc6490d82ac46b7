"""The table of the provider's calls: name, method, path, action and status on success."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from adapters.simulator.provider import bodies
from adapters.simulator.provider.bodies import Body
from adapters.simulator.provider.numbers import ten_digits
from adapters.simulator.provider.provider import SimulatedProvider
from adapters.simulator.provider.records import Account
from adapters.simulator.provider.refusals import Refusal
from adapters.simulator.provider.renting import RentRequest
from adapters.simulator.wire.fields import Fields, amount, flag, identity, listed, text

Do = Callable[[SimulatedProvider, Account, Fields], Body | bytes]


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """One call. `keys` are those of its answer, all null in a refusal in the page style."""

    name: str
    method: str
    path: str
    do: Do
    keys: tuple[str, ...]
    success: int = 200
    premium: bool = False


def _rent(provider: SimulatedProvider, account: Account, fields: Fields) -> Body:
    request = RentRequest(
        service=text(fields, "service") or "",
        max_price=amount(fields, "max_price"),
        carrier=text(fields, "carrier"),
        keep_carrier=flag(fields, "keep_carrier"),
        area_codes=listed(fields, "area_codes"),
        lock_area_code=flag(fields, "lock_area_code"),
    )
    return provider.bodies.rented(provider.renting.rent(account, request), account)


def _rent_specific(provider: SimulatedProvider, account: Account, fields: Fields) -> Body:
    request = RentRequest(
        service=text(fields, "service") or "",
        max_price=amount(fields, "max_price"),
        number=ten_digits(text(fields, "number")),
    )
    return provider.bodies.rented(provider.renting.rent(account, request), account)


def _rent_again(provider: SimulatedProvider, account: Account, fields: Fields) -> Body:
    rental = provider.renting.rent_again(account, identity(fields, "rental_id"))
    return provider.bodies.rented(rental, account)


def _status(provider: SimulatedProvider, account: Account, fields: Fields) -> Body:
    rental = provider.books.rental(account, identity(fields, "id"))
    return provider.bodies.status(rental, account)


def _cancel(provider: SimulatedProvider, account: Account, fields: Fields) -> Body:
    rental = provider.renting.cancel(account, identity(fields, "id"))
    return provider.bodies.status(rental, account)


def _complete(provider: SimulatedProvider, account: Account, fields: Fields) -> Body:
    rental = provider.renting.complete(account, identity(fields, "id"))
    return provider.bodies.completed(rental, account)


def _prices(provider: SimulatedProvider, _account: Account, _fields: Fields) -> bytes:
    return provider.bodies.prices(provider.catalogue)


def _balance(provider: SimulatedProvider, account: Account, _fields: Fields) -> Body:
    return provider.bodies.balance(account)


def _long_rentals(provider: SimulatedProvider, account: Account, _fields: Fields) -> Body:
    return provider.bodies.long_rentals(provider.long_renting.of_account(account))


def _create_long(provider: SimulatedProvider, account: Account, fields: Fields) -> Body:
    period = text(fields, "rental_time") or ""
    rental = provider.long_renting.create(account, period, flag(fields, "auto_renew"))
    return provider.bodies.long_rental(rental)


def _update_long(provider: SimulatedProvider, account: Account, fields: Fields) -> Body:
    rental_id, renting = identity(fields, "id"), provider.long_renting
    match text(fields, "action"):
        case "renew":
            rental = renting.renew(account, rental_id)
        case "cancel":
            rental = renting.cancel(account, rental_id)
        case "auto_renew":
            rental = renting.set_auto_renew(account, rental_id, flag(fields, "auto_renew"))
        case _:
            raise Refusal.invalid("action")
    return provider.bodies.long_rental(rental)


def _texts(provider: SimulatedProvider, account: Account, fields: Fields) -> Body:
    return provider.bodies.texts(*provider.long_renting.texts(account, identity(fields, "id")))


API = "/api/v1"
RENT = ProviderCall("rent-a-number", "POST", f"{API}/rent-a-number", _rent, bodies.RENT_KEYS, 201)
STATUS = ProviderCall("rental-status", "POST", f"{API}/rental-status", _status, bodies.STATUS_KEYS)
CANCEL = ProviderCall("cancel-rental", "POST", f"{API}/cancel-rental", _cancel, bodies.STATUS_KEYS)
PRICES = ProviderCall("prices-info", "GET", f"{API}/prices-info", _prices, bodies.PRICES_KEYS)
BALANCE = ProviderCall("balance", "GET", f"{API}/balance", _balance, bodies.BALANCE_KEYS)
ONE_LONG = f"{API}/long-rentals/{{id}}"

CALLS = (
    RENT,
    ProviderCall(
        "rent-specific-number",
        "POST",
        f"{API}/rent-specific-number",
        _rent_specific,
        bodies.RENT_KEYS,
        201,
    ),
    ProviderCall("re-rent", "POST", f"{API}/re-rent", _rent_again, bodies.RENT_KEYS, 201),
    STATUS,
    CANCEL,
    ProviderCall(
        "completed",
        "POST",
        f"{API}/rental-status/{{id}}/completed",
        _complete,
        bodies.COMPLETED_KEYS,
    ),
    PRICES,
    BALANCE,
    ProviderCall(
        "long-rentals", "GET", f"{API}/long-rentals", _long_rentals, bodies.LONG_LIST_KEYS
    ),
    ProviderCall(
        "create-long-rental", "POST", f"{API}/long-rentals", _create_long, bodies.LONG_KEYS
    ),
    ProviderCall(
        "update-long-rental", "POST", f"{ONE_LONG}/update", _update_long, bodies.LONG_KEYS
    ),
    ProviderCall("long-rental-messages", "GET", f"{ONE_LONG}/messages", _texts, bodies.TEXTS_KEYS),
    *(
        replace(call, name=f"{call.name}-premium", path=f"{call.path}-premium", premium=True)
        for call in (RENT, STATUS, CANCEL)
    ),
)

STUB_PATH = "/stubs/handler_api"
STUBS = {
    "getPrices": PRICES,
    "getRentalStatus": STATUS,
    "getNumber": RENT,
    "cancelRental": CANCEL,
    "getBalance": BALANCE,
}
