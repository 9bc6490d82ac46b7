"""The provider's calls, each declared once."""

from dataclasses import dataclass, replace
from typing import Literal

from adapters.getatext import refusals
from adapters.getatext.refusals import Subject


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its name in metrics, where it goes, and what may come of it.

    `path` may hold `{id}`. `spends` says that an answer lost is money that may have moved.
    `rows` names the list that may also come bare, without an object around it.
    """

    name: str
    path: str
    subject: Subject
    method: Literal["GET", "POST"] = "POST"
    spends: bool = False
    rows: str | None = None


def premium(call: Call) -> Call:
    """The same call under the name it has for premium accounts (page)."""
    return replace(call, name=f"{call.name}-premium", path=f"{call.path}-premium")


PRICES = Call("prices-info", "/api/v1/prices-info", refusals.ACCOUNT, "GET", rows="prices")
BALANCE = Call("balance", "/api/v1/balance", refusals.ACCOUNT, "GET")

RENT = Call("rent-a-number", "/api/v1/rent-a-number", refusals.RENT, spends=True)
RENT_SPECIFIC = Call(
    "rent-specific-number", "/api/v1/rent-specific-number", refusals.SPECIFIC_RENT, spends=True
)
RENT_AGAIN = Call("re-rent", "/api/v1/re-rent", refusals.RENT_AGAIN, spends=True)
STATUS = Call("rental-status", "/api/v1/rental-status", refusals.RENTAL)
CANCEL = Call("cancel-rental", "/api/v1/cancel-rental", refusals.CANCEL)
COMPLETE = Call("completed", "/api/v1/rental-status/{id}/completed", refusals.COMPLETE)

_LONG = "/api/v1/long-rentals"
LONG_LIST = Call("long-rentals", _LONG, refusals.ACCOUNT, "GET", rows="long_rentals")
LONG_RENT = Call("long-rentals-create", _LONG, refusals.LONG_RENT, spends=True)
LONG_RENEW = Call(
    "long-rentals-renew", f"{_LONG}/{{id}}/update", refusals.LONG_RENEWAL, spends=True
)
LONG_CANCEL = Call("long-rentals-cancel", f"{_LONG}/{{id}}/update", refusals.LONG_RENTAL)
LONG_AUTO_RENEW = Call("long-rentals-auto-renew", f"{_LONG}/{{id}}/update", refusals.LONG_RENTAL)
MESSAGES = Call(
    "long-rentals-messages",
    f"{_LONG}/{{id}}/messages",
    refusals.LONG_RENTAL,
    "GET",
    rows="messages",
)

ALL = (
    PRICES, BALANCE, RENT, RENT_SPECIFIC, RENT_AGAIN, STATUS, CANCEL, COMPLETE,
    LONG_LIST, LONG_RENT, LONG_RENEW, LONG_CANCEL, LONG_AUTO_RENEW, MESSAGES,
)  # fmt: skip
