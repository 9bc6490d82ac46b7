"""Every sample body of the provider's page, through the gateway: mended, and otherwise the same."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faces.support import JSON
from tests.support.contract import Answer
from tests.support.gateway import ScriptedStand, have_accepted, run_scripted
from tests.support.samples import (
    BALANCE,
    CANCELLED,
    COMPLETED,
    LONG,
    LONG_LIST,
    LONG_MADE,
    PRICES,
    RENTED,
    STATUS,
    TEXTS,
)
from tests.support.scripted import reply

API = "/api/v1"
STUB = "/stubs/handler_api?api_key=sk_demo&action="
DONE = {
    **COMPLETED,
    "errors": None,
    "rental": {**COMPLETED["rental"], "price": "0.10", "new_balance": "9.90"},
}
PRICED = {**PRICES, "prices": [{**PRICES["prices"][0], "price": 0.55}]}
SPECIFIC = {"number": "4104287665", "service": "whatsapp"}


@dataclass(frozen=True)
class Row:
    """One call: what is asked, what the provider says, what the tool must get."""

    name: str
    method: str
    path: str
    sent: Any
    said: dict[str, Any]
    status: int
    expected: dict[str, Any]


def _clean(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "errors": None}


PREMIUM_STATUS, PREMIUM_CANCEL = f"{API}/rental-status-premium", f"{API}/cancel-rental-premium"
STUB_CANCEL = f"{STUB}cancelRental&rental_id=12345"

ROWS = [
    Row("rent", "POST", f"{API}/rent-a-number", {"service": "whatsapp"}, RENTED, 201, RENTED),
    Row("specific", "POST", f"{API}/rent-specific-number", SPECIFIC, RENTED, 201, RENTED),
    Row("re-rent", "POST", f"{API}/re-rent", {"rental_id": 12345}, RENTED, 201, RENTED),
    Row("status", "POST", f"{API}/rental-status", {"id": 12345}, STATUS, 200, STATUS),
    Row("digits", "POST", f"{API}/rental-status", {"id": "12345"}, STATUS, 200, STATUS),
    Row("cancel", "POST", f"{API}/cancel-rental", {"id": 12345}, CANCELLED, 200, CANCELLED),
    Row("done", "POST", f"{API}/rental-status/12345/completed", None, COMPLETED, 200, DONE),
    Row("done {}", "POST", f"{API}/rental-status/12345/completed", {}, COMPLETED, 200, DONE),
    Row("done []", "POST", f"{API}/rental-status/12345/completed", [], COMPLETED, 200, DONE),
    Row("prices", "GET", f"{API}/prices-info", None, PRICES, 200, PRICED),
    Row("balance", "GET", f"{API}/balance", None, BALANCE, 200, _clean(BALANCE)),
    Row("long list", "GET", f"{API}/long-rentals", None, LONG_LIST, 200, _clean(LONG_LIST)),
    Row(
        "long",
        "POST",
        f"{API}/long-rentals",
        {"auto_renew": True, "rental_time": "1w"},
        LONG_MADE,
        200,
        _clean(LONG_MADE),
    ),
    Row(
        "flat long",
        "POST",
        f"{API}/long-rentals",
        {"auto_renew": True, "rental_time": "1w"},
        {**LONG, "status": "success", "errors": "null"},
        200,
        _clean(LONG_MADE),
    ),
    *(
        Row(
            action,
            "POST",
            f"{API}/long-rentals/1/update",
            {"action": action, "auto_renew": True},
            LONG_MADE,
            200,
            _clean(LONG_MADE),
        )
        for action in ("renew", "cancel", "auto_renew")
    ),
    Row("texts", "GET", f"{API}/long-rentals/1/messages", None, TEXTS, 200, _clean(TEXTS)),
    Row("premium", "POST", f"{API}/rent-a-number-premium", {"service": "x"}, RENTED, 201, RENTED),
    Row("premium status", "POST", PREMIUM_STATUS, {"id": 12345}, STATUS, 200, STATUS),
    Row("premium cancel", "POST", PREMIUM_CANCEL, {"id": 12345}, CANCELLED, 200, CANCELLED),
    Row("stub rent", "GET", f"{STUB}getNumber&service=whatsapp", None, RENTED, 201, RENTED),
    Row("stub status", "GET", f"{STUB}getRentalStatus&rental_id=12345", None, STATUS, 200, STATUS),
    Row("stub cancel", "GET", STUB_CANCEL, None, CANCELLED, 200, CANCELLED),
    Row("stub prices", "GET", f"{STUB}getPrices", None, PRICES, 200, PRICED),
    Row("stub balance", "GET", f"{STUB}getBalance", None, BALANCE, 200, _clean(BALANCE)),
]  # fmt: skip


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedStand]:
    async with run_scripted() as stand:
        yield stand


async def ask(stand: ScriptedStand, row: Row, key: str) -> Answer:
    """A key of its own for each row: no price list is kept from another."""
    await have_accepted(stand.gateway, key)
    path, sent = row.path.replace("sk_demo", key), {}
    headers = {"Content-Type": "application/json"}
    if row.path.startswith(API):
        headers["Auth"] = key
    if row.sent is not None:
        sent = {"data": json.dumps(row.sent).encode()}
    return await stand.client.ask(row.method, path, headers=headers, key=None, **sent)


def types(body: object) -> object:
    """The JSON types inside, order-free."""
    if isinstance(body, dict):
        return {name: types(value) for name, value in body.items()}
    return [types(each) for each in body] if isinstance(body, list) else type(body)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_a_sample_comes_through_mended(scripted: ScriptedStand, row: Row) -> None:
    scripted.provider.script.append(reply(201 if row.status == 201 else 200, row.said))

    answer = await ask(scripted, row, f"sk_{row.name.replace(' ', '')}")

    assert (answer.status, answer.content_type) == (row.status, JSON)
    assert answer.json == row.expected
    assert types(answer.json) == types(row.expected)
    assert answer.body.endswith(b"}")


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.path.startswith(API)], ids=lambda row: row.name
)
async def test_a_refused_call_has_its_keys_and_they_are_null(
    scripted: ScriptedStand, row: Row
) -> None:
    scripted.provider.script.append(reply(403, {"errors": "Wrong Api Key or User is restricted"}))

    answer = await ask(scripted, row, f"sk_refused_{row.name.replace(' ', '')}")

    assert (answer.status, answer.content_type) == (403, JSON)
    assert answer.json == {
        **dict.fromkeys(row.expected),
        "errors": "Wrong Api Key or User is restricted",
    }
