"""What an operator sets for existing tools: keys with limits, countries, service codes."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.simulator import Fault, FaultKind
from gateway.core.model.callers import Limits
from tests.faces.support import QUIET, STUB, Tool, tool_of
from tests.support.contract import Answer
from tests.support.gateway import Stand, run_simulated
from tests.support.keys import make_key


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    async with run_simulated(QUIET, getatext_api_key="sk_demo") as stand:
        yield stand


async def keyed(stand: Stand, limits: Limits | None = None, name: str = "tool") -> Tool:
    """A tool with a key of the gateway's own."""
    return tool_of(stand, await make_key(stand.gateway, name, limits or Limits()))


async def test_a_gateway_key_does_everything(stand: Stand) -> None:
    tool = await keyed(stand)
    rental_id, _ = await tool.buy()

    assert await tool.text("getBalance") == "ACCESS_BALANCE:99.45"
    assert await tool.text("getStatus", id=rental_id) == "STATUS_WAIT_CODE"
    assert await tool.text("setStatus", id=rental_id, status=8) == "ACCESS_CANCEL"

    stub = await tool.raw("GET", f"{STUB}?api_key={tool.key}&action=getBalance")
    assert stub.json["balance"] == "100.00"


async def test_a_gateway_key_sees_only_what_it_bought(stand: Stand) -> None:
    one, other = await keyed(stand), await keyed(stand, name="other")
    rental_id, _ = await one.buy()

    assert await other.text("getStatus", id=rental_id) == "NO_ACTIVATION"
    for status in (1, 3, 6, 8):
        assert await other.text("setStatus", id=rental_id, status=status) == "NO_ACTIVATION"
    assert (await other.json("getActiveActivations"))["data"] == []


LIMITS = [
    (Limits(read_only=True), "BANNED"),
    (Limits(budget_total=Decimal("0.50")), "NO_BALANCE"),
    (Limits(budget_day=Decimal("0.50")), "NO_BALANCE"),
    (Limits(services=frozenset({"telegram"})), "BAD_SERVICE"),
    (Limits(max_price=Decimal("0.50")), "NO_NUMBERS"),
    (Limits(max_active=0), "CHANNELS_LIMIT"),
]


@pytest.mark.parametrize(("limits", "token"), LIMITS, ids=lambda each: str(each)[:40])
@pytest.mark.parametrize("asked", [{}, {"maxPrice": "0.60"}])
async def test_a_limit_of_a_key_has_its_token(
    stand: Stand, limits: Limits, token: str, asked: dict[str, str]
) -> None:
    tool = await keyed(stand, limits)

    assert await tool.text("getNumber", service="wa", **asked) == token
    assert tool.bought == 0


READ_ONLY = "This key is read-only; rent_number changes something. Nothing was charged."
# On the provider's own faces: the words that its clients look for.
WORDS = [
    (Limits(read_only=True), 403, READ_ONLY),
    (
        Limits(budget_total=Decimal("0.50")),
        400,
        "Insufficient funds: the spending limit of this key",
    ),
    (Limits(budget_day=Decimal("0.50")), 400, "Insufficient funds: the spending limit of this key"),
    (Limits(services=frozenset({"telegram"})), 404, "Service not found: this key may not rent it"),
    (Limits(max_price=Decimal("0.50")), 400, "Price is above your maximum price"),
    (Limits(max_active=0), 400, "You have reached the maximum number of active rentals"),
]


@pytest.mark.parametrize(("limits", "status", "text"), WORDS, ids=lambda each: str(each)[:40])
async def test_a_limit_of_a_key_has_the_providers_words(
    stand: Stand, limits: Limits, status: int, text: str
) -> None:
    tool = await keyed(stand, limits)
    rent, headers = "/api/v1/rent-a-number", {"Auth": tool.key or ""}
    stub = f"{STUB}?api_key={tool.key}&action=getNumber&service=whatsapp"
    answers = [
        await tool.raw("POST", rent, json={"service": "whatsapp"}, headers=headers),
        await tool.raw("GET", stub),
    ]

    for answer in answers:
        assert (answer.status, answer.json["errors"]) == (status, text)
        assert all(value is None for name, value in answer.json.items() if name != "errors")
    assert tool.bought == 0


async def test_a_gateway_key_does_everything_on_the_providers_api(stand: Stand) -> None:
    tool = await keyed(stand)
    headers = {"Auth": tool.key or ""}

    async def said(method: str, call: str, body: object = None) -> Answer:
        return await tool.raw(method, f"/api/v1/{call}", json=body, headers=headers)

    rented = await said("POST", "rent-a-number", {"service": "whatsapp"})
    status = await said("POST", "rental-status", {"id": rented.json["id"]})
    cancelled = await said("POST", "cancel-rental", {"id": rented.json["id"]})
    other = tool_of(stand)  # the account's own key
    theirs, _ = await other.buy()

    assert (rented.status, rented.json["new_balance"]) == (201, "99.45")
    assert status.json["status"] == "active"
    assert (cancelled.json["status"], cancelled.json["balance"]) == ("cancelled", "100.00")
    assert (await said("POST", "rental-status", {"id": theirs})).status == 404
    assert (await said("POST", f"rental-status/{theirs}/completed")).status == 404


async def test_where_only_gateway_keys_are_taken_the_providers_are_wrong_ones() -> None:
    async with run_simulated(
        QUIET, getatext_api_key="sk_demo", gateway_pass_through=False
    ) as stand:
        stranger, tool = tool_of(stand), await keyed(stand)
        call = await stranger.raw("GET", "/api/v1/balance", headers={"Auth": "sk_demo"})
        stub = await stranger.raw("GET", f"{STUB}?api_key=sk_demo&action=getBalance")

        assert await stranger.text("getBalance") == "BAD_KEY"
        assert await stranger.text("getNumber", service="wa") == "BAD_KEY"
        for answer in (call, stub):
            assert answer.status == 403
            assert answer.json["errors"] == "Wrong Api Key or User is restricted"
        assert tool.bought == 0
        assert (await tool.text("getNumber", service="wa")).startswith("ACCESS_NUMBER")


async def test_without_a_key_of_its_own_the_gateway_has_trouble_not_the_caller() -> None:
    async with run_simulated(QUIET, getatext_api_key="sk_refused") as stand:
        tool = await keyed(stand)

        assert await tool.text("getBalance") == "ERROR_SQL"
        assert await tool.text("getNumber", service="wa") == "ERROR_SQL"


async def test_active_activations_are_those_the_ledger_knows(stand: Stand) -> None:
    tool = await keyed(stand)
    waiting, number = await tool.buy()
    received, _ = await tool.buy()
    again, _ = await tool.buy()
    cancelled, _ = await tool.buy()
    for known in (received, again):
        await tool.code(known, "012345")
    await tool.text("setStatus", id=again, status=3)
    await tool.text("setStatus", id=cancelled, status=8)

    answer = await tool.json("getActiveActivations")
    rows = {row["activationId"]: row for row in answer["data"]}
    time = rows[str(waiting)].pop("activationTime")

    assert answer["activeActivations"] == [
        {**row, "activationTime": answer["activeActivations"][n]["activationTime"]}
        for n, row in enumerate(answer["data"])
    ]
    assert len(time) == len("2025-07-06 15:43:37")
    assert {key: row["activationStatus"] for key, row in rows.items()} == {
        str(waiting): "4",
        str(received): "2",
        str(again): "3",
    }
    assert rows[str(received)]["smsCode"] == "012345"
    assert rows[str(waiting)] == {
        "activationId": str(waiting),
        "serviceCode": "wa",
        "phoneNumber": number,
        "activationCost": 0.55,
        "activationStatus": "4",
        "smsCode": None,
        "smsText": None,
        "discount": "0.00",
        "repeated": "0",
        "countryCode": "187",
        "countryName": "USA",
        "canGetAnotherSms": "1",
        "currency": 840,
    }


async def test_active_activations_are_told_in_trouble_too(stand: Stand) -> None:
    tool = await keyed(stand)
    rental_id, _ = await tool.buy()
    stand.sim.advance(2 * 3600)  # older than a price list may be
    stand.sim.script(Fault("*", FaultKind.STATUS, times=None, status=500))
    (row,) = (await tool.json("getActiveActivations"))["data"]

    assert (row["activationId"], row["serviceCode"]) == (str(rental_id), "wa")


async def test_an_order_id_buys_once(stand: Stand) -> None:
    tool = await keyed(stand)
    first = await tool.send(action="getNumberV2", service="wa", orderId="o-1")
    again = await tool.send(action="getNumberV2", service="wa", orderId="o-1")
    other = await tool.text("getNumberV2", service="go", orderId="o-1")
    longer = [
        [await tool.json("getNumberV2", service="wa", orderId="x" * length) for _ in range(2)]
        for length in (64, 65, 255, 300)
    ]

    assert first.body == again.body
    assert other == "ORDER_ALREADY_EXISTS"
    assert [one for one, _ in longer] == [repeated for _, repeated in longer]
    assert tool.bought == 5


async def test_an_idempotency_key_buys_once_on_the_providers_own_faces(stand: Stand) -> None:
    tool = await keyed(stand)
    headers = {"Auth": tool.key or "", "Idempotency-Key": "i-1"}
    body = {"service": "whatsapp"}
    first, again = [
        await tool.raw("POST", "/api/v1/rent-a-number", json=body, headers=headers)
        for _ in range(2)
    ]
    other = await tool.raw(
        "POST", "/api/v1/rent-a-number", json={"service": "gmail"}, headers=headers
    )

    assert (first.status, again.status, other.status) == (201, 201, 409)
    assert first.json == again.json
    assert set(other.json) == set(first.json)
    assert tool.bought == 1


async def test_two_idempotency_keys_on_the_providers_own_faces_buy_nothing(stand: Stand) -> None:
    tool = await keyed(stand)
    twice = [("Auth", tool.key or ""), ("Idempotency-Key", "i-1"), ("Idempotency-Key", "i-2")]
    answer = await tool.raw(
        "POST", "/api/v1/rent-a-number", json={"service": "whatsapp"}, headers=twice
    )

    assert answer.status == 400
    assert "Idempotency-Key: is given more than once" in str(answer.json)
    assert tool.bought == 0


async def test_any_country_may_be_served_with_numbers_of_the_usa() -> None:
    async with run_simulated(QUIET, gateway_any_country=True) as stand:
        tool = tool_of(stand)

        assert (await tool.text("getNumber", service="wa", country=0)).startswith("ACCESS_NUMBER")
        assert set(await tool.json("getPrices", country=0, service="wa")) == {"0"}
        assert (await tool.json("getOperators", country=0))["countryOperators"] == {"0": ["any"]}
        assert (await tool.json("getNumberV2", service="wa", country=6))["countryCode"] == "6"
        assert await tool.text("getNumber", service="wa", country="NO_KEY") == "NO_NUMBERS"
        assert await tool.json("getPrices", country="NO_KEY") == {}


async def test_an_operators_codes_stand_over_the_built_in_ones(tmp_path: Path) -> None:
    table = tmp_path / "codes.toml"
    table.write_text('wa = "acorn_bank"\nab1 = ["nothing", "gmail"]\ntg = []\n')
    async with run_simulated(QUIET, gateway_service_codes=table) as stand:
        tool = tool_of(stand)
        bought = [stand.sim.books.rentals[(await tool.buy(code))[0]] for code in ("wa", "ab1")]

        assert [rental.service for rental in bought] == ["acorn_bank", "gmail"]
        assert await tool.text("getNumber", service="tg") == "BAD_SERVICE"
