"""Prices that the provider has just contradicted are quoted nowhere, and nothing counts on them."""

from decimal import Decimal
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY, Fault, FaultKind
from gateway.core.prices import cache
from tests.support.contract import Answer
from tests.support.gateway import Client
from tests.support.money import PRICE, Bank, rent, replayed

RISEN = "0.90"
PRICES_DOWN = Fault("prices-info", FaultKind.STATUS, times=None, status=500)
AREA = {"carrier": "verizon", "area_codes": "212"}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer waits for the price list as long as a busy machine may need."""
    monkeypatch.setattr(cache, "_PATIENCE", 60.0)


async def raised(bank: Bank, client: Client, *, prices: Fault | None = None) -> None:
    """The price rises after the client has read the list, which may not be read again."""
    await client.get("/v1/prices")
    bank.sim.change(services={"whatsapp": {"price": RISEN}})
    if prices is not None:
        bank.sim.script(prices)


async def listed(client: Client) -> dict[str, Any]:
    page = (await client.get("/v1/prices")).json
    return {row["service_code"]: row for row in page["data"]} | {"stale": page["stale"]}


def told(answer: Answer) -> tuple[int, str, str | None]:
    return answer.status, answer.json["code"], answer.json.get("price_needed")


NEEDED = [({}, "0.55", "0.90"), ({}, "0.10", "0.90"), (AREA, "1.25", "1.26")]


@pytest.mark.parametrize(("wish", "offered", "needed"), NEEDED, ids=str)
async def test_a_refused_price_says_which_one_is_needed(
    bank: Bank, client: Client, wish: dict[str, Any], offered: str, needed: str
) -> None:
    await raised(bank, client)
    first, again = [await rent(client, "order-1", max_price=offered, **wish) for _ in range(2)]
    asked = bank.sim.journal.calls["prices-info"]
    bought = await rent(client, max_price=needed, **wish)

    assert told(first) == (409, "price_too_high", needed)
    assert f"takes {needed} USD now. Nothing was charged." in first.json["detail"]
    assert (again.body, replayed(again)) == (first.body, True)
    assert (await listed(client))["whatsapp"]["price"] == RISEN
    assert asked == 2
    assert bought.status == 201


async def test_a_price_at_or_below_the_offer_is_not_said_to_be_needed(
    bank: Bank, client: Client
) -> None:
    body = '{"errors": "Price is above your maximum price"}'
    bank.sim.script(Fault("rent-a-number", FaultKind.STATUS, status=400, body=body))

    assert told(await rent(client, max_price=str(PRICE))) == (409, "price_too_high", None)


async def test_what_cannot_be_read_anew_is_listed_on_no_face(bank: Bank, client: Client) -> None:
    await raised(bank, client, prices=PRICES_DOWN)
    refused = await rent(client, max_price="0.60")
    rows = await listed(client)
    own = await client.ask("GET", "/api/v1/prices-info", headers={"Auth": DEMO_KEY}, key=None)
    form = await client.ask(
        "GET", f"/stubs/handler_api?api_key={DEMO_KEY}&action=getPrices", key=None
    )

    assert told(refused) == (409, "price_too_high", None)
    assert rows["stale"] is True
    for names in (rows, *({row["api_name"] for row in one.json["prices"]} for one in (own, form))):
        assert "telegram" in names
        assert "whatsapp" not in names


async def test_a_purchase_after_a_refusal_is_reserved_at_the_new_price(bank: Bank) -> None:
    holder = await bank.with_key(budget_total=Decimal("0.95"))
    await raised(bank, holder)
    refused, bought, third = [await rent(holder) for _ in range(3)]

    assert told(refused) == (409, "price_too_high", RISEN)
    assert (bought.status, third.json["code"]) == (201, "budget_exceeded")
    assert [sent["max_price"] for sent in bank.sent] == [0.55, 0.9]


async def test_a_limited_key_is_not_reserved_at_a_contradicted_price(bank: Bank) -> None:
    """Of a key that needs a price nothing is sent while none is known; other keys may buy."""
    holder = await bank.with_key(budget_total=Decimal(5))
    others = [await bank.with_key(**limits) for limits in ({}, {"max_active": 2})]
    await raised(bank, holder, prices=PRICES_DOWN)
    refused, unpriced = [await rent(holder) for _ in range(2)]
    sent = len(bank.sent)
    bought = [(await rent(other)).status for other in others]

    assert refused.json["code"] == "price_too_high"
    assert (unpriced.json["code"], unpriced.json["charged"]) == ("upstream_error", "no")
    assert sent == 1
    assert bought == [201, 201]


@pytest.mark.parametrize(
    ("limit", "wish", "needed"),
    [("0.54", {}, "0.55"), ("0.65", {"carrier": "verizon"}, "0.66")],
)
async def test_the_gateways_own_check_says_which_price_is_needed(
    bank: Bank, limit: str, wish: dict[str, Any], needed: str
) -> None:
    holder = await bank.with_key(max_price=Decimal(limit))

    assert told(await rent(holder, **wish)) == (409, "price_too_high", needed)
    assert not bank.rents


async def test_a_service_that_just_sold_out_is_listed_without_stock(
    bank: Bank, client: Client
) -> None:
    await client.get("/v1/prices")
    bank.sim.change(services={"whatsapp": {"stock": 0}})
    bank.sim.script(PRICES_DOWN)
    refused = await rent(client)
    row = (await listed(client))["whatsapp"]

    assert refused.json["code"] == "out_of_stock"
    assert (row["stock"], row["price"]) == (0, "0.55")


async def test_a_refusal_to_rent_again_reads_the_prices_anew(bank: Bank, client: Client) -> None:
    bought = await rent(client)
    await raised(bank, client)
    body = '{"errors": "The price has changed"}'
    bank.sim.script(Fault("re-rent", FaultKind.STATUS, status=400, body=body))
    refused = await client.post(f"/v1/rentals/{bought.json['id']}/rent-again")

    assert told(refused) == (409, "price_too_high", None)
    assert (await listed(client))["whatsapp"]["price"] == RISEN


async def test_existing_clients_read_the_price_needed_beside_the_words_they_know(
    bank: Bank, client: Client
) -> None:
    await raised(bank, client)
    body = {"service": "whatsapp", "max_price": 0.55}
    headers = {"Auth": DEMO_KEY}
    answer = await client.ask("POST", "/api/v1/rent-a-number", json=body, headers=headers, key=None)

    assert answer.status == 400
    assert answer.json["errors"] == "Price is above your maximum price (0.90 is needed now)"
