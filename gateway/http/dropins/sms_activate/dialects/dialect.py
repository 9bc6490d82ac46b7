"""A dialect: one site's path, its words, and its rows of prices."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum

from gateway.core.model.prices import Price
from gateway.core.model.values import money_text

Row = dict[str, object]

UNKNOWN_STOCK = 100  # "available": tools buy only where the count is above zero


class Purpose(Enum):
    """What a request is for, where that decides the words of its answer."""

    PURCHASE = "purchase"
    STATUS = "status"
    CANCEL = "cancel"
    FINISH = "finish"


def count(price: Price) -> int:
    """How many numbers there are; UNKNOWN_STOCK where the provider states none."""
    return UNKNOWN_STOCK if price.stock is None else price.stock


def details(price: Price) -> Row:
    """What tools of every site may read of a service beside its price and its stock."""
    return {
        "ttl": None if price.ttl_minutes is None else price.ttl_minutes * 60,
        "repeatable": price.multiple_sms,
    }


def _row(price: Price) -> Row:
    numbers = count(price)
    known = {"cost": float(price.price), "count": numbers, "physicalCount": numbers}
    return {**known, "name": price.service_name, **details(price)}


def _verification_row(price: Price) -> Row:
    known = {"count": count(price), "price": money_text(price.price)}
    return {**known, "name": price.service_name, "cost": float(price.price), **details(price)}


@dataclass(frozen=True)
class Dialect:
    """How one site speaks the protocol.

    `words`: by purpose, its own word for a token; a price behind the token is left out with it.
    `own_parameters` of a purchase are sent by its tools only: they are answered in its words on the
    shared path, too. `price_row` and `verification_row` are the rows of getPrices and
    getPricesVerification.
    """

    path: str
    words: Mapping[Purpose, Mapping[str, str]] = field(default_factory=dict)
    own_parameters: Collection[str] = ()
    price_row: Callable[[Price], Row] = _row
    verification_row: Callable[[Price], Row] = _verification_row

    def word(self, purpose: Purpose | None, token: str) -> str:
        """The site's word for a token, or the token."""
        if purpose is None or purpose not in self.words:
            return token
        return self.words[purpose].get(token.partition(":")[0], token)


SMS_ACTIVATE = Dialect("/stubs/handler_api.php")
"""The dialect of the shared path, which most sites speak."""
