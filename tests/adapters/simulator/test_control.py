"""The control endpoint, as another process uses it."""

import pytest

from tests.adapters.simulator.support import Customer

WRONG = [  # name, endpoint, body
    ("an unknown setting", "settings", {"speed": 1}),
    ("an odd delay", "settings", {"code_after": "soon"}),
    ("an odd style", "settings", {"style": "baroque"}),
    ("no such account", "settings", {"accounts": {"sk_x": {"balance": 1}}}),
    ("an odd amount", "settings", {"services": {"whatsapp": {"price": "a lot"}}}),
    ("a truth value for a delay", "settings", {"code_after": True}),
    ("a text for a whole number", "settings", {"webhook": {"attempts": "3"}}),
    ("an unknown limit", "settings", {"limits": {"speed": 1}}),
    ("another api_name", "settings", {"services": {"whatsapp": {"api_name": "other"}}}),
    ("half good", "settings", {"code_after": 1, "limits": {"rent": -1}}),
    ("a fault without a kind", "faults", {"call": "balance"}),
    ("a fault of no kind", "faults", {"call": "balance", "kind": "flood"}),
    ("a code for nobody", "code", {"rental_id": 1, "code": "1"}),
    ("no code", "code", {"rental_id": 1}),
    ("a list", "time", [1]),
    ("for ever", "time", {"advance": None}),
    ("a key that is taken", "accounts", {"key": "sk_demo"}),
]


async def test_the_books_tell_everything(alice: Customer) -> None:
    rented = await alice.rent()
    await alice.control("POST", "code", {"rental_id": rented["id"], "code": "012345"})
    status, books = await alice.control("GET", "books")

    assert status == 200
    assert (books["spent"], books["refunded"]) == ("0.55", "0.00")
    assert books["accounts"][alice.key]["balance"] == "113.32"
    assert books["rentals"][0]["code"] == "012345"
    assert books["rentals"][0]["code_at"] == books["now"]
    assert books["rentals"][0]["status"] == "active"
    assert books["calls"] == {"rent-a-number": 1}
    assert books["received"] == [
        {
            "method": "POST",
            "path": "/api/v1/rent-a-number",
            "call": "rent-a-number",
            "account": alice.key,
            "json": {"service": "whatsapp"},
            "at": books["now"],
        }
    ]


async def test_the_books_show_a_body_however_deeply_it_is_nested(alice: Customer) -> None:
    body: object = None
    for _ in range(300):
        body = [body]
    await alice.post("rent-a-number", body)
    status, books = await alice.control("GET", "books")

    assert status == 200
    assert books["received"][0]["json"] == body


@pytest.mark.parametrize(("name", "body"), [row[1:] for row in WRONG], ids=[r[0] for r in WRONG])
async def test_what_it_does_not_understand_changes_nothing(
    alice: Customer, name: str, body: object
) -> None:
    before = await alice.control("GET", "settings")
    status, answer = await alice.control("POST", name, body)

    assert status == 400
    assert answer["error"]
    assert await alice.control("GET", "settings") == before


async def test_faults_are_scripted_shown_and_cleared(alice: Customer) -> None:
    fault = {"call": "balance", "kind": "status", "status": 500, "body": {"errors": "x"}}
    await alice.control("POST", "faults", {**fault, "times": 2})
    answered = await alice.get("balance")
    _, shown = await alice.control("GET", "faults")
    await alice.control("DELETE", "faults")

    assert answered == (500, {"errors": "x"})
    assert [(one["kind"], one["times"]) for one in shown["faults"]] == [("status", 1)]
    assert (await alice.get("balance"))[0] == 200


async def test_settings_reach_services_and_accounts(alice: Customer) -> None:
    changes = {
        "code_after": None,
        "services": {"whatsapp": {"stock": 0}, "brand_new": {"price": 0.2}},
        "accounts": {alice.key: {"balance": "5"}},
    }
    _, shown = await alice.control("POST", "settings", changes)

    assert shown["code_after"] == "never"
    assert (await alice.post("rent-a-number", {"service": "whatsapp"}))[0] == 400
    assert (await alice.rent("brand_new"))["new_balance"] == "4.80"


async def test_a_service_can_be_under_maintenance_alone(alice: Customer) -> None:
    changes = {"services": {"whatsapp": {"maintenance": True}}}
    await alice.control("POST", "settings", changes)

    assert (await alice.post("rent-a-number", {"service": "whatsapp"}))[0] == 503
    assert await alice.rent("cheap")


async def test_accounts_are_opened(alice: Customer) -> None:
    wanted = {"key": "sk_new", "balance": "1.00", "tier": "premium"}
    await alice.control("POST", "accounts", wanted)
    new = Customer(alice.session, alice.sim, "sk_new")

    assert (await new.get("balance"))[1]["balance"] == "1.00"
    assert (await new.post("rent-a-number-premium", {"service": "whatsapp"}))[0] == 201


async def test_codes_are_scripted_for_a_service_in_order(alice: Customer) -> None:
    for code in ("000001", "000002"):
        await alice.control("POST", "code", {"service": "whatsapp", "code": code})
    first, second = await alice.rent(), await alice.rent()
    await alice.control("POST", "time", {"advance": 4})

    assert (await alice.status(first["id"]))["code"] == "000001"
    assert (await alice.status(second["id"]))["code"] == "000002"


async def test_a_rental_expires_on_command(alice: Customer) -> None:
    rented = await alice.rent()
    _, expired = await alice.control("POST", "expire", {"rental_id": rented["id"]})

    assert (expired["status"], expired["refunded"]) == ("expired", "0.55")
    assert (await alice.control("POST", "code", {"rental_id": rented["id"], "code": "1"}))[0] == 400


async def test_reset_starts_over_at_the_same_address(alice: Customer) -> None:
    await alice.rent()
    await alice.control("POST", "settings", {"style": "page", "maintenance": True})
    await alice.control("POST", "reset")

    assert (await alice.get("balance"))[1] == {
        "status": "success",
        "balance": "113.87",
        "errors": None,
    }
    assert (await alice.rent())["id"] == 12345


@pytest.mark.parametrize(("refund", "refunded"), [(True, "0.55"), (False, "0.00")])
async def test_it_says_what_an_expiry_gives_back(
    alice: Customer, refund: bool, refunded: str
) -> None:
    await alice.control("POST", "settings", {"code_after": "never", "refund_expired": refund})
    rented = await alice.rent()
    _, expired = await alice.control("POST", "expire", {"rental_id": rented["id"]})
    _, books = await alice.control("GET", "books")

    assert (expired["status"], expired["refunded"]) == ("expired", refunded)
    assert books["refunded"] == refunded
