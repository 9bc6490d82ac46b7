"""The endpoints of an account: balance and price list."""

from adapters.getatext import refusals, scalars
from adapters.getatext.endpoint import AnyEndpoint, Endpoint, Fields
from adapters.getatext.rows import Rows, read_rows, readable
from gateway.core.model.account import Balance
from gateway.core.model.prices import Price
from gateway.core.model.provider_errors import UpstreamBadResponse
from gateway.core.upstream import calls


def read_balance(fields: Fields) -> Balance:
    """The balance, which may be negative (guess). Raises UpstreamBadResponse without one."""
    balance = scalars.first_money(fields, "balance", "new_balance", signed=True)
    if balance is None:
        raise UpstreamBadResponse("The provider's answer has no readable balance.")
    return Balance(balance=balance)


def read_prices(fields: Fields) -> Rows[Price]:
    """The price list: `{"prices": […]}` (page), a list of rows, or a single row (client).

    A service named twice keeps its first row; the others count as skipped.
    """
    raw = fields.get("prices", [fields] if "api_name" in fields else None)
    rows = read_rows([raw] if isinstance(raw, dict) else raw, _price)
    unique: dict[str, Price] = {}
    for price in rows.values:
        unique.setdefault(price.service_code, price)
    values = list(unique.values())
    return Rows(values, rows.skipped + len(rows.values) - len(values))


def _price(row: Fields) -> Price | None:
    """One row; None without a service code or a price."""
    service_code, price = scalars.word(row.get("api_name")), scalars.money(row.get("price"))
    if service_code is None or price is None:
        return None
    return Price(
        service_code=service_code,
        service_name=scalars.text(row.get("service_name")) or service_code,
        price=price,
        stock=scalars.count(row.get("stock")),
        ttl_minutes=scalars.count(row.get("ttl")),
        multiple_sms=scalars.flag(row.get("multiple_sms")) or False,
    )


PRICES = Endpoint(
    calls.PRICES,
    "prices-info",
    "/api/v1/prices-info",
    refusals.ACCOUNT,
    lambda fields, asked, terms: readable("prices-info", read_prices(fields)),
    method="GET",
    rows="prices",
)
BALANCE = Endpoint(
    calls.BALANCE,
    "balance",
    "/api/v1/balance",
    refusals.ACCOUNT,
    lambda fields, asked, terms: read_balance(fields),
    method="GET",
)
KEY_CHECK = Endpoint(
    calls.KEY_CHECK,
    "key-check",
    BALANCE.path,
    refusals.ACCOUNT,
    lambda fields, asked, terms: read_balance(fields),
    method="GET",
)

ENDPOINTS: tuple[AnyEndpoint, ...] = (PRICES, BALANCE, KEY_CHECK)
