"""The provider's calls, declared once: name, address, what is done, how success looks."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from adapters.simulator.provider import bodies as shapes
from adapters.simulator.provider.bodies import Body
from adapters.simulator.provider.numbers import ten_digits
from adapters.simulator.provider.provider import Provider
from adapters.simulator.provider.records import Account
from adapters.simulator.provider.refusals import Refusal
from adapters.simulator.provider.renting import Wish
from adapters.simulator.wire.fields import Fields, amount, flag, identity, listed, text

Do = Callable[[Provider, Account, Fields], Body | bytes]


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `keys` are what its body holds, null each when it is refused in the page style."""

    name: str
    method: str
    path: str
    do: Do
    keys: tuple[str, ...]
    success: int = 200
    premium: bool = False


def _rent(provider: Provider, account: Account, fields: Fields) -> Body:
    wish = Wish(
        service=text(fields, "service") or "",
        max_price=amount(fields, "max_price"),
        carrier=text(fields, "carrier"),
        keep_carrier=flag(fields, "keep_carrier"),
        area_codes=listed(fields, "area_codes"),
        lock_area_code=flag(fields, "lock_area_code"),
    )
    return provider.shapes.rented(provider.renting.rent(account, wish), account)


def _rent_specific(provider: Provider, account: Account, fields: Fields) -> Body:
    wish = Wish(
        service=text(fields, "service") or "",
        max_price=amount(fields, "max_price"),
        number=ten_digits(text(fields, "number")),
    )
    return provider.shapes.rented(provider.renting.rent(account, wish), account)


def _rent_again(provider: Provider, account: Account, fields: Fields) -> Body:
    rental = provider.renting.rent_again(account, identity(fields, "rental_id"))
    return provider.shapes.rented(rental, account)


def _status(provider: Provider, account: Account, fields: Fields) -> Body:
    rental = provider.books.rental(account, identity(fields, "id"))
    return provider.shapes.status(rental, account)


def _cancel(provider: Provider, account: Account, fields: Fields) -> Body:
    rental = provider.renting.cancel(account, identity(fields, "id"))
    return provider.shapes.status(rental, account)


def _complete(provider: Provider, account: Account, fields: Fields) -> Body:
    rental = provider.renting.complete(account, identity(fields, "id"))
    return provider.shapes.completed(rental, account)


def _prices(provider: Provider, _account: Account, _fields: Fields) -> bytes:
    return provider.shapes.prices(provider.catalogue)


def _balance(provider: Provider, account: Account, _fields: Fields) -> Body:
    return provider.shapes.balance(account)


def _long_rentals(provider: Provider, account: Account, _fields: Fields) -> Body:
    return provider.shapes.long_rentals(provider.long_renting.mine(account))


def _create_long(provider: Provider, account: Account, fields: Fields) -> Body:
    period = text(fields, "rental_time") or ""
    rental = provider.long_renting.create(account, period, flag(fields, "auto_renew"))
    return provider.shapes.long_rental(rental)


def _update_long(provider: Provider, account: Account, fields: Fields) -> Body:
    rental_id, desk = identity(fields, "id"), provider.long_renting
    match text(fields, "action"):
        case "renew":
            rental = desk.renew(account, rental_id)
        case "cancel":
            rental = desk.cancel(account, rental_id)
        case "auto_renew":
            rental = desk.set_auto_renew(account, rental_id, flag(fields, "auto_renew"))
        case _:
            raise Refusal.invalid("action")
    return provider.shapes.long_rental(rental)


def _texts(provider: Provider, account: Account, fields: Fields) -> Body:
    return provider.shapes.texts(*provider.long_renting.texts(account, identity(fields, "id")))


API = "/api/v1"
RENT = Call("rent-a-number", "POST", f"{API}/rent-a-number", _rent, shapes.RENT_KEYS, 201)
STATUS = Call("rental-status", "POST", f"{API}/rental-status", _status, shapes.STATUS_KEYS)
CANCEL = Call("cancel-rental", "POST", f"{API}/cancel-rental", _cancel, shapes.STATUS_KEYS)
PRICES = Call("prices-info", "GET", f"{API}/prices-info", _prices, shapes.PRICES_KEYS)
BALANCE = Call("balance", "GET", f"{API}/balance", _balance, shapes.BALANCE_KEYS)
ONE_LONG = f"{API}/long-rentals/{{id}}"

CALLS = (
    RENT,
    Call(
        "rent-specific-number",
        "POST",
        f"{API}/rent-specific-number",
        _rent_specific,
        shapes.RENT_KEYS,
        201,
    ),
    Call("re-rent", "POST", f"{API}/re-rent", _rent_again, shapes.RENT_KEYS, 201),
    STATUS,
    CANCEL,
    Call(
        "completed",
        "POST",
        f"{API}/rental-status/{{id}}/completed",
        _complete,
        shapes.COMPLETED_KEYS,
    ),
    PRICES,
    BALANCE,
    Call("long-rentals", "GET", f"{API}/long-rentals", _long_rentals, shapes.LONG_LIST_KEYS),
    Call("create-long-rental", "POST", f"{API}/long-rentals", _create_long, shapes.LONG_KEYS),
    Call("update-long-rental", "POST", f"{ONE_LONG}/update", _update_long, shapes.LONG_KEYS),
    Call("long-rental-messages", "GET", f"{ONE_LONG}/messages", _texts, shapes.TEXTS_KEYS),
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
