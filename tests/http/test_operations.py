"""Every operation as it should go, before the simulator in both of its styles: exact values."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from adapters.simulator import (
    DEMO_KEY,
    NEVER,
    AccountConfig,
    Rules,
    SampleText,
    Service,
    Style,
    Tier,
)
from tests.adapters.simulator.support import Clock
from tests.support.gateway import USUAL, Client, Stand, run_simulated

SERVICES = (
    Service("Instagram", "instagram/threads", Decimal("0.6"), 10, stock=7),
    Service("Odd", "odd", Decimal("1.00"), 15),
)
SAMPLE = (SampleText(10.0, "8888", "This is a example message"),)
RULES = Rules(code_after=NEVER, sample_texts=SAMPLE)
ENDS_AT = "2025-07-06T19:43:37Z"


@pytest.fixture(params=[Style.PAGE, Style.CLIENT], ids=["page", "client"])
async def stand(request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    config = replace(
        USUAL,
        style=request.param,
        clock=Clock(),
        catalogue_size=1,
        services=SERVICES,
        rules=RULES,
        accounts=(AccountConfig(DEMO_KEY, Decimal("113.87")),),
    )
    async with run_simulated(config) as stand:
        yield stand


@pytest.fixture
def client(stand: Stand) -> Client:
    return stand.client


OWN = ("created_at", "ledger_id", "code_received_at")  # told by the gateway, not the provider


def told(body: dict[str, Any]) -> dict[str, Any]:
    """A rental without what only the gateway's own clock and books can tell."""
    return {name: value for name, value in body.items() if name not in OWN}


def rental(stand: Stand, rental_id: int = 12345, **changes: Any) -> dict[str, Any]:
    usual = {
        "id": rental_id,
        "status": "active",
        "service_code": None,
        "service_name": "Whatsapp",
        "number": "+1" + stand.sim.books.rentals[rental_id].number,
        "code": None,
        "codes": [],
        "price": "0.55",
        "refunded": None,
        "currency": "USD",
        "balance": "113.32",
        "ends_at": ENDS_AT,
        "ended_reason": None,
        "cancel_requested_at": None,
        "cancel_available_at": None,
        "replaces": None,
        "replaced_by": None,
        "reference": None,
        "test": False,
        "notice": None,
    }
    return {**usual, **changes}


def long_rental(stand: Stand, **changes: Any) -> dict[str, Any]:
    usual = {
        "id": 1,
        "status": "active",
        "number": "+1" + stand.sim.books.long_rentals[1].number,
        "price": "10.55",
        "currency": "USD",
        "period": "1w",
        "auto_renew": True,
        "rented_on": "2025-07-06",
        "ends_on": "2025-07-13",
        "reference": None,
        "test": False,
    }
    return {**usual, **changes}


async def rent(client: Client, **inputs: Any) -> Any:
    answer = await client.post("/v1/rentals", {"service_code": "whatsapp", **inputs})

    assert answer.status == 201, answer.body
    return answer.json


async def test_list_prices(client: Client) -> None:
    answer = await client.get("/v1/prices")
    rows = {row["service_code"]: row for row in answer.json["data"]}

    assert answer.status == 200
    assert list(rows) == ["instagram/threads", "odd", "whatsapp"]
    assert rows["whatsapp"] == {
        "service_code": "whatsapp",
        "service_name": "Whatsapp",
        "price": "0.55",
        "currency": "USD",
        "stock": 120,
        "ttl_minutes": 5,
        "multiple_sms": True,
    }
    assert rows["instagram/threads"]["price"] == "0.60"
    assert rows["odd"]["stock"] is None
    assert answer.json["stale"] is False
    assert answer.json["next_cursor"] is None


async def test_get_balance(client: Client) -> None:
    answer = await client.get("/v1/balance")

    assert (answer.status, answer.content_type) == (200, "application/json")
    assert (answer.json["balance"], answer.json["currency"]) == ("113.87", "USD")


async def test_rent_number(stand: Stand) -> None:
    answer = await stand.client.post("/v1/rentals", {"service_code": "whatsapp"})

    assert answer.status == 201
    assert answer.headers["Location"] == "/v1/rentals/12345"
    assert answer.headers["Cache-Control"] == "no-store"
    assert told(answer.json) == rental(stand, service_code="whatsapp")
    assert answer.json["created_at"].endswith("Z")
    assert stand.sim.books.spent == Decimal("0.55")


async def test_location_names_the_path_below_which_a_proxy_serves_the_gateway() -> None:
    async with run_simulated(gateway_public_url="https://sms.example.com/gateway/") as stand:
        rented = await stand.client.post("/v1/rentals", {"service_code": "whatsapp"})
        again = await stand.client.post(f"/v1/rentals/{rented.json['id']}/rent-again")

    assert rented.headers["Location"] == f"/gateway/v1/rentals/{rented.json['id']}"
    assert again.headers["Location"] == f"/gateway/v1/rentals/{again.json['id']}"


async def test_rent_number_with_every_input(stand: Stand) -> None:
    body = await rent(
        stand.client,
        max_price="0.80",
        carrier="verizon",
        keep_carrier=True,
        area_codes="212, 646",
        lock_area_code="true",
    )
    sent = stand.sim.journal.received[-1].json

    assert body["price"] == "0.77"
    assert body["number"].startswith("+1212")
    assert sent == {
        "service": "whatsapp",
        "max_price": 0.8,
        "carrier": "verizon",
        "keep_carrier": True,
        "area_codes": "212,646",
        "lock_area_code": True,
    }


@pytest.mark.parametrize("number", ["+14104287665", "14104287665", "4104287665"])
async def test_rent_number_by_its_number(stand: Stand, number: str) -> None:
    body = await rent(stand.client, number=number, max_price=0.55)

    assert body["number"] == "+14104287665"
    assert stand.sim.journal.received[-1].path == "/api/v1/rent-specific-number"
    assert stand.sim.journal.received[-1].json == {
        "service": "whatsapp",
        "number": "4104287665",
        "max_price": 0.55,
    }


async def test_rent_number_sends_only_what_was_asked_for(stand: Stand) -> None:
    await rent(stand.client, service_code="instagram/threads", carrier="any", area_codes="")

    assert stand.sim.journal.received[-1].json == {"service": "instagram/threads"}


@pytest.mark.parametrize("code", ["012345", "000000", "G-4821"])
async def test_get_rental_keeps_the_code_as_it_is(stand: Stand, code: str) -> None:
    await rent(stand.client)
    before = await stand.client.get("/v1/rentals/12345")
    stand.sim.receive_code(12345, code)
    after = await stand.client.get("/v1/rentals/12345")

    assert told(before.json)["code"] is None
    assert (before.json["status"], after.json["status"]) == ("active", "code_received")
    assert after.json["code"] == code
    assert told(after.json)["number"] == rental(stand)["number"]
    assert (after.json["price"], after.json["balance"]) == ("0.55", "113.32")
    assert after.json["ends_at"] == ENDS_AT


async def test_get_rental_keeps_the_code_after_the_end(stand: Stand) -> None:
    await rent(stand.client)
    stand.sim.receive_code(12345, "012345")
    await stand.client.post("/v1/rentals/12345/complete")
    answer = await stand.client.get("/v1/rentals/12345")

    assert (answer.json["status"], answer.json["code"]) == ("completed", "012345")


async def test_get_rental_that_has_expired(stand: Stand) -> None:
    await rent(stand.client)
    stand.sim.advance(300)

    assert (await stand.client.get("/v1/rentals/12345")).json["status"] == "expired"


async def test_cancel_rental(stand: Stand) -> None:
    await rent(stand.client, service_code="odd")
    stand.sim.advance(301)
    answer = await stand.client.post("/v1/rentals/12345/cancel")

    assert answer.status == 200
    assert answer.json["status"] == "cancelled"
    assert answer.json["balance"] == "113.87"
    assert stand.sim.books.refunded == Decimal("1.00")


async def test_complete_rental(stand: Stand) -> None:
    await rent(stand.client)
    answer = await stand.client.post("/v1/rentals/12345/complete", {})

    assert answer.status == 200
    assert answer.json["status"] == "completed"
    assert answer.json["price"] == "0.55"
    assert stand.sim.books.refunded == 0


async def test_rent_again(stand: Stand) -> None:
    first = await rent(stand.client)
    answer = await stand.client.post("/v1/rentals/12345/rent-again")

    assert answer.status == 201
    assert answer.headers["Location"] == "/v1/rentals/12346"
    assert (answer.json["id"], answer.json["number"]) == (12346, first["number"])
    assert (answer.json["price"], answer.json["balance"]) == ("0.55", "112.77")
    assert stand.sim.journal.received[-1].json == {"rental_id": 12345}


async def test_create_long_rental(stand: Stand) -> None:
    inputs = {"period": "1w", "auto_renew": True}
    answer = await stand.client.post("/v1/long-rentals", inputs)

    assert answer.status == 201
    assert answer.headers["Location"] == "/v1/long-rentals/1/messages"
    assert answer.json == long_rental(stand)
    assert stand.sim.journal.received[-1].json == {"rental_time": "1w", "auto_renew": True}


async def create(client: Client, **inputs: Any) -> None:
    created = await client.post("/v1/long-rentals", {"period": "1w", "auto_renew": True, **inputs})

    assert created.status == 201


async def test_list_long_rentals(stand: Stand) -> None:
    empty = await stand.client.get("/v1/long-rentals")
    await create(stand.client)
    full = await stand.client.get("/v1/long-rentals")

    assert empty.json == {"data": [], "next_cursor": None}
    assert full.json == {"data": [long_rental(stand)], "next_cursor": None}


async def test_renew_long_rental(stand: Stand) -> None:
    await create(stand.client)
    answer = await stand.client.post("/v1/long-rentals/1/renew")

    assert answer.status == 200
    assert answer.json == long_rental(stand, ends_on="2025-07-20")
    assert stand.sim.books.spent == Decimal("21.10")


async def test_cancel_long_rental(stand: Stand) -> None:
    await create(stand.client)
    answer = await stand.client.post("/v1/long-rentals/1/cancel")

    assert answer.status == 200
    assert answer.json == long_rental(stand, status="cancelled", auto_renew=False)


@pytest.mark.parametrize("auto_renew", [True, False])
async def test_set_auto_renew(stand: Stand, auto_renew: bool) -> None:
    await create(stand.client, auto_renew=not auto_renew)
    answer = await stand.client.post("/v1/long-rentals/1/auto-renew", {"auto_renew": auto_renew})

    assert answer.status == 200
    assert answer.json["auto_renew"] is auto_renew
    assert stand.sim.books.long_rentals[1].auto_renew is auto_renew


async def test_list_messages(stand: Stand) -> None:
    await create(stand.client)
    empty = await stand.client.get("/v1/long-rentals/1/messages")
    stand.sim.advance(10)
    full = await stand.client.get("/v1/long-rentals/1/messages")

    assert empty.json == {"data": [], "next_cursor": None}
    assert full.json["data"] == [
        {
            "text": "This is a example message",
            "sender": "8888",
            "number": long_rental(stand)["number"],
            "received_at": "2025-07-06T19:38:47Z",
        }
    ]


async def test_premium_accounts_use_the_premium_calls() -> None:
    rules = replace(RULES, cancel_locked=0.0)
    config = replace(USUAL, rules=rules, accounts=(AccountConfig(tier=Tier.PREMIUM),))
    async with run_simulated(config, getatext_tier="premium") as stand:
        await rent(stand.client)
        await stand.client.get("/v1/rentals/12345")
        await stand.client.post("/v1/rentals/12345/cancel")
        paths = [one.path.rpartition("/")[2] for one in stand.sim.journal.received]

    assert paths == ["rent-a-number-premium", "rental-status-premium", "cancel-rental-premium"]


async def test_the_providers_zone_is_a_setting() -> None:
    config = replace(USUAL, clock=Clock(), zone="UTC", rules=RULES)
    async with run_simulated(config, getatext_timezone="UTC") as stand:
        answer = await rent(stand.client)

    assert answer["ends_at"] == ENDS_AT
