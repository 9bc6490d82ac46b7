"""The bodies of every call, in both styles, against the samples of the API page."""

from typing import Any

import pytest

from adapters.simulator import Simulator
from tests.adapters.simulator.support import Clock, Customer, new_york

NUMBER = "1234567890"
RENTED = {
    "id": 12345,
    "status": "success",
    "message": "Number rented successfully.",
    "errors": None,
    "end_time": "2025-07-06 15:43:37",
    "number": NUMBER,
    "service_name": "Whatsapp",
    "price": "0.55",
    "new_balance": "113.32",
}
STATUS = {
    "id": 12345,
    "status": "active",
    "code": None,
    "errors": None,
    "end_time": "2025-07-06 15:43:37",
    "number": NUMBER,
    "service_name": "Whatsapp",
    "cost": "0.55",
    "balance": "113.32",
}
LONG = {
    "id": 1,
    "number": "6466999999",
    "end_time": "2025-07-08",
    "rented_at": "2025-07-01",
    "price": "10.55",
    "status": "Active",
    "period": "1 Week",
    "auto_renew": True,
}
STYLES = pytest.mark.parametrize(
    ("style", "no_error"), [("page", "null"), ("client", None)], ids=["page", "client"]
)


async def rent_the_sample(customer: Customer) -> Any:
    wish = {"service": "whatsapp", "number": NUMBER}
    return await customer.post("rent-specific-number", wish)


@STYLES
async def test_rent_status_and_cancel_are_the_samples(
    sim: Simulator, alice: Customer, style: str, no_error: str | None
) -> None:
    sim.change(style=style, cancel_locked=0)

    assert await rent_the_sample(alice) == (201, RENTED)
    assert await alice.post("rental-status", {"id": 12345}) == (200, STATUS)
    assert await alice.post("cancel-rental", {"id": 12345}) == (
        200,
        {**STATUS, "status": "cancelled", "balance": "113.87"},
    )


async def test_re_rent_is_written_as_a_rent(alice: Customer) -> None:
    await rent_the_sample(alice)

    assert await alice.post("re-rent", {"rental_id": 12345}) == (
        201,
        {**RENTED, "id": 12346, "new_balance": "112.77"},
    )


@pytest.mark.parametrize(
    ("style", "no_error", "price", "balance"),
    [("page", "null", "0.1", "9.9"), ("client", None, "0.10", "9.90")],
    ids=["page", "client"],
)
async def test_completed_is_nested(
    clock: Clock,
    bob: Customer,
    style: str,
    no_error: str | None,
    price: str,
    balance: str,
) -> None:
    bob.sim.change(style=style)
    clock.now = new_york("2025-08-12 00:09:30")
    rental = await bob.rent("cheap")

    assert await bob.post(f"rental-status/{rental['id']}/completed") == (
        200,
        {
            "status": "success",
            "message": "Rental marked as completed successfully.",
            "errors": no_error,
            "rental": {
                "id": 12345,
                "end_time": "2025-08-12 00:19:30",
                "number": rental["number"],
                "service_name": "Cheap",
                "price": price,
                "new_balance": balance,
            },
        },
    )


@pytest.mark.parametrize(
    ("style", "price", "multiple_sms"), [("page", "0.55", "true"), ("client", 0.55, True)]
)
async def test_prices_are_flat_rows(
    sim: Simulator, alice: Customer, style: str, price: object, multiple_sms: object
) -> None:
    sim.change(style=style)
    status, body = await alice.get("prices-info")
    whatsapp, *others = body.pop("prices")

    assert (status, body) == (200, {"status": "success", "errors": None})
    assert whatsapp == {
        "service_name": "Whatsapp",
        "api_name": "whatsapp",
        "multiple_sms": multiple_sms,
        "price": price,
        "ttl": 5,
        "stock": 120,
    }
    assert any("stock" not in row for row in others)
    assert any(row.get("stock") == 0 for row in others)


@STYLES
async def test_balance(sim: Simulator, alice: Customer, style: str, no_error: str | None) -> None:
    sim.change(style=style, accounts={alice.key: {"balance": "10.55"}})

    assert await alice.get("balance") == (
        200,
        {"status": "success", "balance": "10.55", "errors": no_error},
    )


@STYLES
async def test_long_rentals_are_listed(
    clock: Clock, alice: Customer, style: str, no_error: str | None
) -> None:
    alice.sim.change(style=style)
    clock.now = new_york("2025-07-01 12:00:00")
    _, empty = await alice.get("long-rentals")
    await alice.post("long-rentals", {"auto_renew": True, "rental_time": "1w"})

    assert empty == {"status": "success", "long_rentals": [], "errors": no_error}
    assert await alice.get("long-rentals") == (
        200,
        {"status": "success", "long_rentals": [LONG], "errors": no_error},
    )


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("page", {**LONG, "status": "success", "errors": "null"}),
        ("client", {"status": "success", "long_rental": LONG, "errors": None}),
    ],
    ids=["page", "client"],
)
async def test_a_new_long_rental_is_flattened_by_the_page_and_nested_for_clients(
    clock: Clock, alice: Customer, style: str, expected: object
) -> None:
    alice.sim.change(style=style)
    clock.now = new_york("2025-07-01 12:00:00")
    wish = {"auto_renew": True, "rental_time": "1w"}

    assert await alice.post("long-rentals", wish) == (200, expected)


@STYLES
async def test_messages_carry_their_offset(
    clock: Clock, alice: Customer, style: str, no_error: str | None
) -> None:
    alice.sim.change(style=style)
    clock.now = new_york("2025-07-28 12:39:29")
    await alice.post("long-rentals", {"auto_renew": False, "rental_time": "2w"})
    alice.sim.advance(3)

    assert await alice.get("long-rentals/1/messages") == (
        200,
        {
            "status": "success",
            "messages": [
                {
                    "message": "This is a example message",
                    "number": "6466999999",
                    "rented_at": "2025-07-28T12:39:32-04:00",
                    "sender": "8888",
                }
            ],
            "errors": no_error,
        },
    )


async def test_a_refusal_is_one_key_for_clients_and_every_key_on_the_page(
    alice: Customer,
) -> None:
    text = "Rental not found"
    as_clients_see_it = await alice.post("rental-status", {"id": 1})
    alice.sim.change(style="page")

    assert as_clients_see_it == (404, {"errors": text})
    assert await alice.post("rental-status", {"id": 1}) == (
        404,
        {**dict.fromkeys(STATUS), "errors": text},
    )
