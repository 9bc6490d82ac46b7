import json
from decimal import Decimal

from adapters.getatext import account
from adapters.getatext.account import read_balance, read_prices
from adapters.getatext.reply import Reply
from adapters.getatext.rows import Rows
from gateway.core.model.account import Balance
from gateway.core.model.prices import Price
from gateway.core.model.provider_errors import UpstreamBadResponse
from tests.adapters.getatext.tables import Row, answer, table

BALANCES: list[Row] = [
    ("the sample", "page", Reply(200, b'{"status":"success","balance":"10.55","errors":"null"}'),
     Balance(balance=Decimal("10.55"))),
    ("no errors at all", "page", Reply(200, b'{"balance": "10.55"}'),
     Balance(balance=Decimal("10.55"))),
    ("errors null", "page", Reply(200, b'{"balance": "10.55", "errors": null}'),
     Balance(balance=Decimal("10.55"))),
    ("errors empty", "page", Reply(200, b'{"balance": "10.55", "errors": ""}'),
     Balance(balance=Decimal("10.55"))),
    ("a number", "client", Reply(200, b'{"balance": 10.55}'), Balance(balance=Decimal("10.55"))),
    ("the other name", "client", Reply(200, b'{"new_balance": "10.55"}'),
     Balance(balance=Decimal("10.55"))),
    ("below zero", "guess", Reply(200, b'{"balance": "-0.10"}'),
     Balance(balance=Decimal("-0.10"))),
    ("no balance", "guess", Reply(200, b'{"status": "success"}'), UpstreamBadResponse),
    ("no amount", "guess", Reply(200, b'{"balance": "much"}'), UpstreamBadResponse),
]  # fmt: skip


@table(BALANCES)
def test_a_balance_is_read(reply: Reply, expected: object) -> None:
    assert answer(reply, account.BALANCE, read_balance) == expected


ROW = {
    "service_name": "Whatsapp",
    "api_name": "whatsapp",
    "multiple_sms": "true",
    "price": "0.55",
    "ttl": 5,
    "stock": 120,
}
WHATSAPP = Price(
    service_code="whatsapp",
    service_name="Whatsapp",
    price=Decimal("0.55"),
    stock=120,
    ttl_minutes=5,
    multiple_sms=True,
)


def row(**fields: object) -> dict[str, object]:
    """The sample row with other fields; ... leaves one out."""
    return {name: value for name, value in (ROW | fields).items() if value != ...}


def prices(*rows: object) -> Reply:
    return Reply(200, json.dumps({"status": "success", "errors": None, "prices": rows}).encode())


def price(**fields: object) -> Rows[Price]:
    return Rows([WHATSAPP.model_copy(update=fields)])


PRICES: list[Row] = [
    ("the sample", "page", prices(ROW), price()),
    ("bare rows", "client", Reply(200, json.dumps([ROW]).encode()), price()),
    ("one bare object", "client", Reply(200, json.dumps(ROW).encode()), price()),
    ("one object for the list", "guess", Reply(200, json.dumps({"prices": ROW}).encode()),
     price()),
    ("booleans", "client", prices(row(multiple_sms=True)), price()),
    ("a false flag", "page", prices(row(multiple_sms="false")), price(multiple_sms=False)),
    ("no flag", "guess", prices(row(multiple_sms=...)), price(multiple_sms=False)),
    ("a number for the price", "client", prices(row(price=0.55)), price()),
    ("no stock", "page", prices(row(stock=...)), price(stock=None)),
    ("a stock of null", "client", prices(row(stock=None)), price(stock=None)),
    ("a stock of zero", "page", prices(row(stock=0)), price(stock=0)),
    ("a stock in text", "guess", prices(row(stock="120")), price()),
    ("a stock below zero", "guess", prices(row(stock=-1)), price(stock=None)),
    ("an odd ttl", "guess", prices(row(ttl="soon")), price(ttl_minutes=None)),
    ("a slash", "live", prices(row(api_name="instagram/threads")),
     price(service_code="instagram/threads")),
    ("no name for people", "guess", prices(row(service_name=None)),
     price(service_name="whatsapp")),
    ("a service twice", "guess", prices(ROW, row(price="9")), Rows([WHATSAPP], 1)),
    ("rows that cannot be read", "guess",
     prices(row(price=None), 7, row(api_name=""), row(api_name="x" * 101), ROW, None),
     Rows([WHATSAPP], 5)),
    ("no row that can be read", "guess", prices(row(price="free")), UpstreamBadResponse),
    ("no rows", "guess", prices(), Rows[Price]([])),
    ("no list", "guess", Reply(200, b'{"status": "success"}'), UpstreamBadResponse),
    ("null for the list", "guess", Reply(200, b'{"prices": null}'), UpstreamBadResponse),
    ("text for the list", "guess", Reply(200, b'{"prices": "none"}'), UpstreamBadResponse),
]  # fmt: skip


@table(PRICES)
def test_a_price_list_is_read(reply: Reply, expected: object) -> None:
    assert answer(reply, account.PRICES, read_prices) == expected
