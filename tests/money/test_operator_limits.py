"""What who runs the gateway allows: a budget over its own account, and services for nobody."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY
from tests.support.contract import Answer
from tests.support.gateway import Client, new_database
from tests.support.money import OWN, PRICE, Bank, open_bank, rent, rent_many

TWO = str(2 * PRICE)


async def of_the_own_account(bank: Bank) -> list[Client]:
    """Everybody whose purchases the server pays for."""
    return [
        await bank.with_key(budget_total=Decimal(100)),
        await bank.with_key(),
        await bank.with_key(admin=True),
        bank.holder(OWN),
    ]


def codes(answers: list[Answer]) -> list[str]:
    return sorted(answer.json.get("code") or str(answer.status) for answer in answers)


async def test_the_own_account_has_one_budget_for_all_its_callers(store_url: str) -> None:
    async with (
        open_bank(store_url, gateway_budget_day=TWO) as one,
        open_bank(store_url, one.sim, gateway_budget_day=TWO) as other,
    ):
        holders = await of_the_own_account(one)
        elsewhere = [other.holder(holder.key or "") for holder in holders]
        answers = await asyncio.gather(*(rent(one) for one in (*holders, *elsewhere)))
        stranger = await rent(one.client)

    bought = [answer for answer in answers if answer.status == 201]
    refused = [answer for answer in answers if answer.status != 201]
    assert len(bought) == 2
    assert {answer.json["code"] for answer in refused} == {"budget_exceeded"}
    assert all("GATEWAY_BUDGET_DAY" in answer.json["detail"] for answer in refused)
    assert stranger.status == 201
    assert one.rents == 3


async def test_a_refund_gives_room_in_the_budget_of_the_account(bank: Bank) -> None:
    async with open_bank(new_database(), bank.sim, gateway_budget_day=str(PRICE)) as limited:
        first, _, admin, own = await of_the_own_account(limited)
        bought = await rent(first)
        refused = await rent(admin)
        await first.post(f"/v1/rentals/{bought.json['id']}/cancel")
        again = await rent(own)

    assert (bought.status, refused.status, again.status) == (201, 403, 201)


async def test_a_budget_of_nothing_stops_all_purchases() -> None:
    async with open_bank(new_database(), gateway_budget_day=0) as bank:
        holders = await of_the_own_account(bank)
        holders.append(await bank.with_key(long_rentals=True))
        rented = [await rent(holder) for holder in holders]
        long = [await holder.post("/v1/long-rentals", {"period": "1w"}) for holder in holders]

    assert {answer.status for answer in (*rented, *long)} == {403}
    assert bank.rents == bank.sim.journal.calls["long-rentals-create"] == 0


async def test_what_tells_no_price_is_refused_where_the_account_has_a_budget() -> None:
    async with open_bank(new_database(), gateway_budget_day=100) as bank:
        refused = await bank.holder(OWN).post("/v1/long-rentals", {"period": "1w"})
        bought = await (await bank.with_key(long_rentals=True)).post(
            "/v1/long-rentals", {"period": "1w"}
        )

    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    assert "GATEWAY_BUDGET_DAY" in refused.json["detail"]
    assert bought.status == 201


PATHS = [
    "/stubs/handler_api.php?action=getNumber&service=wa&api_key={}",
    "/stubs/handler_api?action=getNumber&service=whatsapp&api_key={}",
    "/stubs/handler_api?action=getNumber&service=WhatsApp&api_key={}",
]


async def test_a_blocked_service_is_rented_for_nobody_on_any_face(store_url: str) -> None:
    async with open_bank(store_url) as before:
        bought = await rent(before.client)
        async with open_bank(store_url, before.sim, gateway_blocked_services=["whatsapp"]) as bank:
            holders = [*await of_the_own_account(bank), bank.client]
            answers = [await rent(holder) for holder in holders]
            answers.append(
                await bank.client.post(f"/v1/rentals/{bought.json['id']}/rent-again", {})
            )
            dropped_in = [
                await bank.client.ask("GET", path.format(DEMO_KEY), key=None) for path in PATHS
            ]
            dropped_in.append(
                await bank.client.ask(
                    "POST",
                    "/api/v1/rent-a-number",
                    key=None,
                    headers={"Auth": DEMO_KEY},
                    json={"service": "whatsapp"},
                )
            )
            other = await rent(bank.client, service_code="telegram")
            rents = bank.rents

    assert {answer.json["code"] for answer in answers} == {"service_not_allowed"}
    assert all("GATEWAY_BLOCKED_SERVICES" in answer.json["detail"] for answer in answers)
    assert [answer.body for answer in dropped_in][:1] == [b"BAD_SERVICE"]
    assert all("not found" in answer.json["errors"] for answer in dropped_in[1:])
    assert other.status == 201
    assert rents == 2


async def test_a_key_makes_so_many_purchases_a_day_and_no_more(store_url: str) -> None:
    async with open_bank(store_url) as one, open_bank(store_url, one.sim) as other:
        key = await one.key(max_per_day=3)
        answers = [
            *await asyncio.gather(rent_many(one.holder(key), 4), rent_many(other.holder(key), 4))
        ]
        flat = [answer for some in answers for answer in some]

    refused = [answer for answer in flat if answer.status != 201]
    assert codes(flat) == ["201"] * 3 + ["budget_exceeded"] * 5
    assert all("3 purchases a day" in answer.json["detail"] for answer in refused)
    assert one.rents == 3


async def test_a_refused_purchase_does_not_count(bank: Bank) -> None:
    holder = await bank.with_key(max_per_day=1)
    refused = await rent(holder, service_code="rare")
    bought = await rent(holder)

    assert (refused.json["code"], bought.status) == ("out_of_stock", 201)


DISOBEDIENT: list[dict[str, Any]] = [
    {"max_price": "0.0001"},
    {"max_price": "0.0001", "carrier": "verizon"},
]


@pytest.mark.parametrize("wish", DISOBEDIENT, ids=" ".join)
async def test_a_budget_does_not_depend_on_the_provider_heeding_a_price(
    store_url: str, wish: dict[str, Any]
) -> None:
    async with open_bank(store_url) as bank:
        bank.sim.change(heeds_max_price=False)
        holder = await bank.with_key(budget_total=Decimal("2.00"))
        answers = await rent_many(holder, 20, **wish)
        spent = sum(Decimal(a.json["price"]) for a in answers if a.status == 201)

    assert spent <= Decimal("2.00")
    assert {a.json["code"] for a in answers if a.status != 201} == {"budget_exceeded"}


async def test_what_is_charged_above_the_reservation_counts_and_is_told(store_url: str) -> None:
    async with open_bank(store_url) as bank:
        bank.sim.change(heeds_max_price=False)
        holder = await bank.with_key(budget_total=Decimal("2.00"))
        await holder.get("/v1/prices")
        bank.sim.change(services={"whatsapp": {"price": "1.90"}})
        first, second = [await rent(holder) for _ in range(2)]
        metrics = bank.running.gateway.metrics.render().decode()

    assert (first.status, first.json["price"]) == (201, "1.90")
    assert second.json["code"] == "budget_exceeded"
    assert "getatext_gateway_charged_above_reserved_total 1.0" in metrics
