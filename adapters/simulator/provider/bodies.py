"""The JSON bodies of the provider, with all their oddities, in two styles.

The page style writes `errors` as the text "null" where the API page does, amounts without trailing
zeros, flags as text, a new long rental flattened, and a refusal with every key of the call null.
The client style is what clients report: a real null, two decimals, a number as the listed price,
booleans, nesting, and a refusal of one key.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from adapters.simulator.provider.catalogue import Catalogue, Service
from adapters.simulator.provider.config import LiveConfig, Style, WebhookStyle
from adapters.simulator.provider.records import Account, LongRental, Rental, Text

Body = dict[str, object]

RENT_KEYS = (
    "id", "status", "message", "errors", "end_time", "number", "service_name", "price",
    "new_balance",
)  # fmt: skip
STATUS_KEYS = (
    "id", "status", "code", "errors", "end_time", "number", "service_name", "cost", "balance",
)  # fmt: skip
COMPLETED_KEYS = ("status", "message", "errors", "rental")
PRICES_KEYS = ("status", "errors", "prices")
BALANCE_KEYS = ("status", "balance", "errors")
LONG_LIST_KEYS = ("status", "long_rentals", "errors")
LONG_KEYS = ("status", "long_rental", "errors")
TEXTS_KEYS = ("status", "messages", "errors")

PERIODS = {"1w": "1 Week", "2w": "2 Weeks", "1m": "1 Month", "1y": "1 Year"}
DAY = "%Y-%m-%d"


def encode(body: Body) -> bytes:
    """The body as compact UTF-8 JSON."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


class BodyWriter:
    """Writes bodies in the configured style and time zone."""

    def __init__(self, live: LiveConfig) -> None:
        self._live = live
        self._zone = ZoneInfo(live.config.zone)
        self._price_list: tuple[Style, int, bytes] | None = None

    def rented(self, rental: Rental, account: Account) -> Body:
        """The answer to a rent or re-rent."""
        return {
            "id": rental.id,
            "status": "success",
            "message": "Number rented successfully.",
            "errors": None,
            "end_time": self._naive(rental.ends_at),
            "number": rental.number,
            "service_name": rental.service_name,
            "price": self._money(rental.price),
            "new_balance": self._money(account.balance),
        }

    def status(self, rental: Rental, account: Account) -> Body:
        """The answer to a status call or a cancel."""
        return {
            "id": rental.id,
            "status": rental.status.value,
            "code": rental.code,
            "errors": None,
            "end_time": self._naive(rental.ends_at),
            "number": rental.number,
            "service_name": rental.service_name,
            "cost": self._money(rental.price),
            "balance": self._money(account.balance),
        }

    def completed(self, rental: Rental, account: Account) -> Body:
        """The answer to a completion: nested, unlike the others."""
        return {
            "status": "success",
            "message": "Rental marked as completed successfully.",
            "errors": self._no_error,
            "rental": {
                "id": rental.id,
                "end_time": self._naive(rental.ends_at),
                "number": rental.number,
                "service_name": rental.service_name,
                "price": self._money(rental.price),
                "new_balance": self._money(account.balance),
            },
        }

    def prices(self, catalogue: Catalogue) -> bytes:
        """The whole price list; cached, as encoding its hundreds of rows is slow."""
        cached = self._price_list
        if cached is None or cached[:2] != (self._style, catalogue.version):
            rows = [self._price_row(service) for service in catalogue]
            body = encode({"status": "success", "errors": None, "prices": rows})
            cached = self._price_list = (self._style, catalogue.version, body)
        return cached[2]

    def balance(self, account: Account) -> Body:
        """The answer to a balance call."""
        balance = self._money(account.balance)
        return {"status": "success", "balance": balance, "errors": self._no_error}

    def long_rentals(self, rentals: Iterable[LongRental]) -> Body:
        """The answer to a call for the list of long rentals."""
        rows = [self._long_row(rental) for rental in rentals]
        return {"status": "success", "long_rentals": rows, "errors": self._no_error}

    def long_rental(self, rental: LongRental) -> Body:
        """The answer about a new or changed long rental."""
        row = self._long_row(rental)
        if self._style is Style.PAGE:
            # The page prints `"long_rental": "id": 1, …`. Flattened, the word "success" takes the
            # place of the rental's own status.
            return {**row, "status": "success", "errors": "null"}
        return {"status": "success", "long_rental": row, "errors": None}

    def texts(self, rental: LongRental, texts: Iterable[Text]) -> Body:
        """The messages of a long rental, the newest last."""
        rows = [
            {
                "message": text.text,
                "number": rental.number,
                "rented_at": self._local(text.at).isoformat(timespec="seconds"),
                "sender": text.sender,
            }
            for text in texts
        ]
        return {"status": "success", "messages": rows, "errors": self._no_error}

    def refused(self, text: str, keys: Iterable[str] = ()) -> Body:
        """An error; `keys` are those of the answer that the call gives on success."""
        if self._style is Style.PAGE:
            return {**dict.fromkeys(keys), "errors": text}
        return {"errors": text}

    def webhook(self, rental: Rental) -> Body:
        """The webhook about a rental's newest code, an integer: leading zeros are lost."""
        body: Body = {
            "id": rental.id,
            "code": _as_integer(rental.code),
            "received_at": self._naive(rental.code_at or rental.rented_at),
            "number": rental.number,
            "service_name": rental.service_name,
        }
        if self._live.config.webhook.style is WebhookStyle.NEWER:
            body |= {"status": rental.status.value, "cost": self._money(rental.price)}
        return body

    def _price_row(self, service: Service) -> Body:
        page = self._style is Style.PAGE
        multiple = service.multiple_sms
        row: Body = {
            "service_name": service.name,
            "api_name": service.api_name,
            "multiple_sms": ("true" if multiple else "false") if page else multiple,
            "price": self._money(service.price) if page else float(service.price),
            "ttl": service.ttl_minutes,
        }
        return row if service.stock is None else {**row, "stock": service.stock}

    def _long_row(self, rental: LongRental) -> Body:
        return {
            "id": rental.id,
            "number": rental.number,
            "end_time": self._local(rental.ends_at).strftime(DAY),
            "rented_at": self._local(rental.rented_at).strftime(DAY),
            "price": self._money(rental.price),
            "status": rental.status.value,
            "period": PERIODS[rental.period],
            "auto_renew": rental.auto_renew,
        }

    @property
    def _style(self) -> Style:
        return self._live.config.style

    @property
    def _no_error(self) -> str | None:
        return "null" if self._style is Style.PAGE else None

    def _money(self, amount: Decimal) -> str:
        return f"{amount.normalize():f}" if self._style is Style.PAGE else f"{amount:.2f}"

    def _local(self, at: float) -> datetime:
        return datetime.fromtimestamp(at, self._zone)

    def _naive(self, at: float) -> str:
        return self._local(at).replace(tzinfo=None).isoformat(" ", "seconds")


def _as_integer(code: str | None) -> object:
    return int(code) if code and code.isascii() and code.isdigit() else code
