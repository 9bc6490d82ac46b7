"""Renting, codes, cancelling, completing, expiring; the books are exact to the cent."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientSession

from adapters.simulator import NEVER, AccountConfig, RentalStatus, Simulator, Tier
from tests.adapters.simulator.support import Clock, Customer, config

SURCHARGED = [  # name, wish, price of a service at 0.55
    ("plain", {}, "0.55"),
    ("carrier", {"carrier": "at&t"}, "0.66"),
    ("area code", {"area_codes": "212,646"}, "0.66"),
    ("both", {"carrier": "verizon", "area_codes": "646"}, "0.77"),
    ("a carrier nobody has, hoped for", {"carrier": "sprint"}, "0.55"),
    ("an area without numbers, hoped for", {"area_codes": "907"}, "0.55"),
    ("exactly the highest price", {"carrier": "tmobile", "max_price": 0.66}, "0.66"),
]
REFUSED = [  # name, call, body, HTTP status, text
    ("no service", "rent-a-number", {}, 404, "Service not found"),
    ("no body", "rent-a-number", None, 404, "Service not found"),
    ("a service nobody has", "rent-a-number", {"service": "x"}, 404, "Service not found"),
    ("no stock", "rent-a-number", {"service": "viber"}, 400, "Service is out of stock"),
    (
        "carrier insisted on",
        "rent-a-number",
        {"service": "whatsapp", "carrier": "sprint", "keep_carrier": True},
        400,
        "Service is out of stock",
    ),
    (
        "area insisted on",
        "rent-a-number",
        {"service": "whatsapp", "area_codes": "907", "lock_area_code": True},
        400,
        "Service is out of stock",
    ),
    (
        "a cent above the highest price",
        "rent-a-number",
        {"service": "whatsapp", "max_price": "0.54"},
        400,
        "Price is above your maximum price",
    ),
    (
        "no number",
        "rent-specific-number",
        {"service": "whatsapp", "number": "12"},
        400,
        "Number is not available",
    ),
    ("no id", "rental-status", None, 404, "Rental not found"),
    ("an id nobody has", "cancel-rental", {"id": 99}, 404, "Rental not found"),
    ("no rental id", "re-rent", {"id": 12345}, 404, "Rental not found"),
    ("premium without having it", "rent-a-number-premium", {}, 403, "Premium access is required"),
]


@pytest.mark.parametrize(
    ("wish", "price"), [row[1:] for row in SURCHARGED], ids=[row[0] for row in SURCHARGED]
)
async def test_matches_cost_extra(alice: Customer, wish: dict[str, Any], price: str) -> None:
    rented = await alice.rent(**wish)

    assert rented["price"] == price
    assert alice.balance == Decimal("113.87") - Decimal(price)


async def test_the_number_is_in_the_area_asked_for(alice: Customer) -> None:
    rented = await alice.rent(area_codes="907, 646")

    assert rented["number"].startswith("646")
    assert len(rented["number"]) == 10


@pytest.mark.parametrize(
    ("call", "body", "status", "text"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED]
)
async def test_refusals_cost_nothing(
    alice: Customer, call: str, body: Any, status: int, text: str
) -> None:
    assert await alice.post(call, body) == (status, {"errors": text})
    assert alice.balance == Decimal("113.87")
    assert alice.sim.books.rentals == {}


async def test_stock_runs_out_and_comes_back_with_a_cancel(alice: Customer) -> None:
    alice.sim.change(cancel_locked=0)
    first, _ = await alice.rent("cheap"), await alice.rent("cheap")

    assert await alice.post("rent-a-number", {"service": "cheap"}) == (
        400,
        {"errors": "Service is out of stock"},
    )

    await alice.post("cancel-rental", {"id": first["id"]})
    assert (await alice.rent("cheap"))["price"] == "0.10"


async def test_a_rent_above_the_balance_is_refused_and_one_of_it_all_is_not(
    alice: Customer,
) -> None:
    alice.sim.change(accounts={alice.key: {"balance": "0.54"}})
    refused = await alice.post("rent-a-number", {"service": "whatsapp"})
    alice.sim.change(accounts={alice.key: {"balance": "0.55"}})

    assert refused == (400, {"errors": "You have insufficient funds"})
    assert (await alice.rent())["new_balance"] == "0.00"


async def test_only_so_many_rentals_are_active_at_once(alice: Customer) -> None:
    alice.sim.change(max_active=1, cancel_locked=0)
    rented = await alice.rent()
    text = "You have reached the maximum number of active rentals"

    assert await alice.post("rent-a-number", {"service": "whatsapp"}) == (400, {"errors": text})
    await alice.post("cancel-rental", {"id": rented["id"]})
    assert await alice.rent()


async def test_a_number_in_use_for_a_service_is_not_available(
    alice: Customer, bob: Customer
) -> None:
    rented = await alice.rent()
    wish = {"service": "whatsapp", "number": "1" + rented["number"]}

    assert await bob.post("rent-specific-number", wish) == (
        400,
        {"errors": "Number is not available"},
    )
    assert (await bob.post("rent-specific-number", {**wish, "service": "cheap"}))[0] == 201


async def test_maintenance_refuses_everything_but_a_wrong_key(alice: Customer) -> None:
    alice.sim.change(maintenance=True)
    stranger = replace(alice, key="sk_nobody")
    nobody = replace(alice, key="")

    assert await alice.get("balance") == (503, {"errors": "Service is under maintenance"})
    assert await stranger.get("balance") == (
        403,
        {"errors": "Wrong Api Key or User is restricted"},
    )
    assert await nobody.get("balance") == (
        403,
        {"errors": "Auth is not presented on the request"},
    )


async def test_a_restricted_account_is_a_wrong_key(alice: Customer) -> None:
    alice.sim.change(accounts={alice.key: {"restricted": True}})

    assert await alice.get("balance") == (403, {"errors": "Wrong Api Key or User is restricted"})


async def test_somebody_elses_rental_is_refused_with_200(alice: Customer, bob: Customer) -> None:
    rented = await alice.rent()
    text = "You do not have permission to access this rental"

    for call in ("rental-status", "cancel-rental"):
        assert await bob.post(call, {"id": rented["id"]}) == (200, {"errors": text})


async def test_a_code_comes_after_its_delay_and_stays_readable(alice: Customer) -> None:
    rented = await alice.rent("cheap")
    alice.sim.advance(3.9)
    before = await alice.status(rented["id"])
    alice.sim.advance(0.1)
    after = await alice.status(rented["id"])
    await alice.post(f"rental-status/{rented['id']}/completed")
    done = await alice.status(rented["id"])

    assert before["code"] is None
    assert (after["status"], len(after["code"])) == ("active", 6)
    assert (done["status"], done["code"]) == ("completed", after["code"])
    assert alice.sim.books.rentals[rented["id"]].code_at == pytest.approx(
        alice.sim.books.rentals[rented["id"]].rented_at + 4.0
    )


async def test_delays_are_the_accounts_then_the_services_then_the_rules(
    alice: Customer, bob: Customer
) -> None:
    alice.sim.change(
        code_after="never",
        service_code_after={"cheap": 2},
        accounts={bob.key: {"code_after": 1}},
    )
    rented = [await alice.rent(), await alice.rent("cheap"), await bob.rent("cheap")]
    arrived = []
    for _ in range(3):
        alice.sim.advance(1)
        arrived.append([alice.sim.books.rentals[r["id"]].code is not None for r in rented])

    assert arrived == [[False, False, True], [False, True, True], [False, True, True]]


async def test_a_multi_sms_service_overwrites_its_code_twice(alice: Customer) -> None:
    rented = await alice.rent()
    codes = []
    for seconds in (4, 8, 8, 8):
        alice.sim.advance(seconds)
        codes.append((await alice.status(rented["id"]))["code"])

    assert len(set(codes[:3])) == 3
    assert codes[3] == codes[2]


async def test_some_codes_begin_with_a_zero(alice: Customer) -> None:
    rented = [await alice.rent() for _ in range(8)]
    alice.sim.advance(4)
    codes = [alice.sim.books.rentals[one["id"]].code or "" for one in rented]

    assert all(len(code) == 6 and code.isdigit() for code in codes)
    assert sum(code.startswith("0") for code in codes) >= 2


async def test_a_cancel_is_locked_for_its_time_then_refunds(alice: Customer) -> None:
    alice.sim.change(code_after="never")
    rented = await alice.rent("telegram")
    alice.sim.advance(299)
    early = await alice.post("cancel-rental", {"id": rented["id"]})
    alice.sim.advance(1)
    status, body = await alice.post("cancel-rental", {"id": str(rented["id"])})
    again = await alice.post("cancel-rental", {"id": rented["id"]})

    assert early == (400, {"errors": "You need to wait 5 minutes before cancelling"})
    assert (status, body["status"], body["balance"]) == (200, "cancelled", "113.87")
    assert again == (400, {"errors": "Rental is not active"})
    assert alice.balance == Decimal("113.87")


async def test_an_account_may_be_allowed_to_cancel_at_once(alice: Customer) -> None:
    alice.sim.change(accounts={alice.key: {"cancel_at_once": True}})
    rented = await alice.rent()

    assert (await alice.post("cancel-rental", {"id": rented["id"]}))[0] == 200


async def test_a_rental_with_a_code_cannot_be_cancelled(alice: Customer) -> None:
    rented = await alice.rent()
    alice.sim.receive_code(rented["id"], "012345")

    assert await alice.post("cancel-rental", {"id": rented["id"]}) == (
        400,
        {"errors": "Rental already has a code"},
    )
    assert alice.balance == Decimal("113.32")


async def test_completing_twice_is_refused(alice: Customer) -> None:
    rented = await alice.rent()
    call = f"rental-status/{rented['id']}/completed"

    assert (await alice.post(call, []))[0] == 200
    assert await alice.post(call, {}) == (400, {"errors": "Rental is not active"})
    assert alice.balance == Decimal("113.32")


@pytest.mark.parametrize(
    ("refund", "balance"), [(True, "113.87"), (False, "113.32")], ids=["refunded", "kept"]
)
async def test_without_a_code_it_expires(alice: Customer, refund: bool, balance: str) -> None:
    alice.sim.change(code_after="never", refund_expired=refund)
    rented = await alice.rent()
    alice.sim.advance(5 * 60)
    body = await alice.status(rented["id"])

    assert (body["status"], body["code"], body["balance"]) == ("expired", None, balance)
    assert alice.sim.receive_code(rented["id"], "123456") is None


async def test_with_a_code_it_ends_completed(alice: Customer) -> None:
    rented = await alice.rent()
    alice.sim.advance(5 * 60)

    assert (await alice.status(rented["id"]))["status"] == "completed"
    assert alice.balance == Decimal("113.32")


async def test_renting_again_keeps_number_and_service_and_costs_money(alice: Customer) -> None:
    rented = await alice.rent(carrier="at&t")
    alice.sim.change(services={"whatsapp": {"price": "0.60"}})
    status, again = await alice.post("re-rent", {"rental_id": rented["id"]})

    assert (status, again["number"], again["price"]) == (201, rented["number"], "0.60")
    assert again["id"] != rented["id"]
    assert alice.balance == Decimal("113.87") - Decimal("0.66") - Decimal("0.60")


async def test_premium_calls_answer_as_the_plain_ones(clock: Clock, session: ClientSession) -> None:
    accounts = (AccountConfig("sk_gold", tier=Tier.PREMIUM, code_after=NEVER, cancel_at_once=True),)
    async with Simulator(config(clock, accounts=accounts)).running() as sim:
        gold = Customer(session, sim, "sk_gold")
        status, rented = await gold.post("rent-a-number-premium", {"service": "whatsapp"})
        rental_id = {"id": rented["id"]}
        plain = await gold.post("rental-status", rental_id)

        assert status == 201
        assert await gold.post("rental-status-premium", rental_id) == plain
        assert (await gold.post("cancel-rental-premium", rental_id))[1]["status"] == "cancelled"


async def test_books_agree_with_the_rentals(alice: Customer, bob: Customer) -> None:
    alice.sim.change(code_after="never", cancel_locked=0)
    kept, cancelled = await alice.rent(carrier="at&t", area_codes="646"), await alice.rent()
    await alice.post("cancel-rental", {"id": cancelled["id"]})
    await bob.rent("cheap")
    rentals = alice.sim.books.rentals

    assert rentals[kept["id"]].price == Decimal("0.77")
    assert rentals[cancelled["id"]].status is RentalStatus.CANCELLED
    assert (alice.sim.books.spent, alice.sim.books.refunded) == (Decimal("1.42"), Decimal("0.55"))
    assert (alice.balance, bob.balance) == (Decimal("113.10"), Decimal("9.90"))
