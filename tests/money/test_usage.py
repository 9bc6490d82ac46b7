"""References, filters and usage as callers see them; who sees what of it."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from adapters.simulator import Fault, FaultKind
from adapters.store import Unreachable
from adapters.store.tables.ledger import StoredLedger
from gateway.core.model.callers import Limits
from tests.support.gateway import Client
from tests.support.keys import make_key
from tests.support.money import OWN, Bank, rent, replayed

LOST = Fault("rent-a-number", FaultKind.DROP_AFTER, times=1)


async def usage(client: Client, **asked: str) -> Any:
    answer = await client.get("/v1/usage", **asked)
    assert answer.status == 200, answer.json
    return answer.json


async def counted(client: Client) -> tuple[Decimal, Decimal]:
    """What usage says was spent, and what the balance says."""
    total = (await usage(client))["total"]
    balance = (await client.get("/v1/balance")).json
    return Decimal(total["net"]) + Decimal(total["reserved"]), Decimal(balance["spent_total"])


async def test_a_reference_is_shown_wherever_its_rental_is(bank: Bank) -> None:
    holder = await bank.with_key()
    first = await rent(holder, reference="  customer 17 ")
    await rent(holder)
    rental_id = first.json["id"]
    again = await holder.post(f"/v1/rentals/{rental_id}/rent-again", {"reference": "again"})
    listed = (await holder.get("/v1/rentals", reference="customer 17")).json["data"]
    cancelled = await holder.post(f"/v1/rentals/{rental_id}/cancel")

    assert first.json["reference"] == "customer 17"
    assert (await holder.get(f"/v1/rentals/{rental_id}")).json["reference"] == "customer 17"
    assert [(row["id"], row["reference"]) for row in listed] == [(rental_id, "customer 17")]
    assert cancelled.json["reference"] == "customer 17"
    assert again.json["reference"] == "again"


async def test_a_long_rental_shows_the_reference_of_its_purchase(bank: Bank) -> None:
    holder, other = await bank.with_key(), await bank.with_key()
    made = await holder.post("/v1/long-rentals", {"period": "1w", "reference": "office"})
    renew = f"/v1/long-rentals/{made.json['id']}/renew"
    renewed = await holder.post(renew, {"reference": "more of it"})
    admin = await bank.with_key(admin=True)

    assert (made.json["reference"], renewed.json["reference"]) == ("office", "more of it")
    for client in (holder, admin):
        rows = (await client.get("/v1/long-rentals")).json["data"]
        assert [row["reference"] for row in rows] == ["office"]
    assert (await other.get("/v1/long-rentals")).json["data"] == []
    groups = (await usage(holder, group_by="reference"))["data"]
    assert {row["group"] for row in groups} == {"office", "more of it"}


async def test_a_repeat_with_another_reference_gets_the_first_answer(bank: Bank) -> None:
    holder = await bank.with_key()
    first = await rent(holder, "order-1", reference="one")
    again = await rent(holder, "order-1", reference="two")
    without = await rent(holder, "order-1")

    assert first.body == again.body == without.body
    assert replayed(again)
    assert bank.rents == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/rentals", {"service_code": "whatsapp"}),
        ("/v1/rentals/1/rent-again", {}),
        ("/v1/rentals/1/replace", {}),
        ("/v1/long-rentals", {"period": "1w"}),
        ("/v1/long-rentals/1/renew", {}),
    ],
)
async def test_a_reference_with_a_key_in_it_is_refused(
    bank: Bank, path: str, body: dict[str, Any]
) -> None:
    """By a caller that sees the account: to others the rental is not there."""
    admin = await bank.with_key(admin=True)
    for key in (OWN, await bank.key()):
        answer = await admin.post(path, {**body, "reference": f"for {key}"})

        assert (answer.status, answer.json["code"]) == (400, "invalid_request")
        assert "reference: holds a key" in answer.json["detail"]
        assert key not in answer.body.decode()
    assert bank.rents == 0


async def test_a_lost_purchase_that_turns_up_has_its_reference(bank: Bank) -> None:
    holder = await bank.with_key()
    bank.sim.script(LOST)
    lost = await rent(holder, "order-1", reference="customer 17")
    listed = (await holder.get("/v1/rentals", reference="customer 17")).json["data"]

    assert lost.json["code"] == "outcome_unknown"
    assert [(row["id"], row["reference"]) for row in listed] == [(None, "customer 17")]


async def test_usage_is_what_the_balance_says_was_spent(bank: Bank) -> None:
    holder = await bank.with_key(budget_day=Decimal(50), long_rentals=True)
    first = await rent(holder)
    await rent(holder, service_code="telegram")
    await holder.post("/v1/long-rentals", {"period": "1w"})
    bank.sim.script(LOST)
    await rent(holder)
    await holder.post(f"/v1/rentals/{first.json['id']}/cancel")

    said, spent = await counted(holder)
    assert said == spent > 0
    page = await usage(holder)
    assert [(row["group"], row["rentals"], row["cancelled"]) for row in page["data"]] == [
        (None, 0, 0), ("telegram", 1, 0), ("whatsapp", 1, 1),
    ]  # fmt: skip
    whatsapp = page["data"][2]
    assert (whatsapp["net"], whatsapp["refunded"], whatsapp["reserved"]) == ("0.00", "0.55", "0.55")
    assert (page["total"]["rentals"], page["group_by"], page["currency"]) == (2, "service", "USD")


async def test_purchases_of_other_times_are_left_out(bank: Bank) -> None:
    holder = await bank.with_key()
    await rent(holder)

    assert (await usage(holder, since="2020-01-01"))["total"]["rentals"] == 1
    past = await usage(holder, since="2019-01-01", until="2020-01-01")
    assert (past["total"]["rentals"], past["data"]) == (0, [])
    assert (past["since"], past["until"]) == ("2019-01-01T00:00:00Z", "2020-01-01T00:00:00Z")
    assert (await holder.get("/v1/rentals", until="2020-01-01")).json["data"] == []


async def test_only_who_sees_the_account_asks_by_key(bank: Bank) -> None:
    holder, admin = await bank.with_key(), await bank.with_key(admin=True)
    await make_key(bank.running.gateway, "n8n", Limits())
    theirs = await rent(holder)
    mine = await rent(admin)
    keys = {row["group"]: row for row in (await usage(admin, group_by="key"))["data"]}
    found = {
        key: [row["id"] for row in (await admin.get("/v1/rentals", key=key)).json["data"]]
        for key in keys
    }

    assert sorted(found.values()) == sorted([[theirs.json["id"]], [mine.json["id"]]])
    assert all(row["name"].startswith("a test") for row in keys.values())
    assert (await admin.get("/v1/rentals", key="n8n")).json["data"] == []
    for path, asked in (("/v1/rentals", {"key": "n8n"}), ("/v1/usage", {"group_by": "key"})):
        refused = await holder.get(path, **asked)
        assert (refused.status, refused.json["code"]) == (403, "forbidden")
        assert "sees only what it bought itself" in refused.json["detail"]
    unknown = await admin.get("/v1/rentals", key="nobody")
    for _ in range(2):
        await make_key(bank.running.gateway, "gone", Limits())
        *_, made = await bank.running.gateway.keys.all()
        assert await bank.running.gateway.keys.revoke(made.id, datetime.now(UTC))
    several = await admin.get("/v1/rentals", key="gone")
    assert (unknown.status, unknown.json["code"]) == (404, "not_found")
    assert (several.status, "send the id of one" in several.json["detail"]) == (400, True)


async def test_who_brings_a_key_of_another_account_learns_of_no_gateway_key(bank: Bank) -> None:
    await make_key(bank.running.gateway, "n8n", Limits())

    for name in ("n8n", "nobody"):
        answer = await bank.client.get("/v1/rentals", key=name)
        assert (answer.status, answer.json["code"]) == (404, "not_found")
    server = bank.holder(OWN)
    assert (await server.get("/v1/rentals", key="n8n")).json["data"] == []


async def test_what_a_brought_key_buys_is_in_the_group_without_a_key(bank: Bank) -> None:
    await rent(bank.client)

    [row] = (await usage(bank.client, group_by="key"))["data"]
    assert (row["group"], row["name"], row["rentals"]) == (None, None, 1)


async def test_pages_of_a_list_hold_while_more_is_bought(bank: Bank) -> None:
    holder = await bank.with_key()
    first = [(await rent(holder, reference="one")).json["id"] for _ in range(6)]

    async def buy_more() -> None:
        for _ in range(6):
            await rent(holder, reference="one")

    buying = asyncio.create_task(buy_more())
    seen: list[int] = []
    asked = {"reference": "one", "status": "active", "service_code": "whatsapp", "limit": "2"}
    page = (await holder.get("/v1/rentals", since="2020-01-01", **asked)).json
    while True:
        seen += [row["id"] for row in page["data"]]
        if (cursor := page["next_cursor"]) is None:
            break
        page = (await holder.get("/v1/rentals", since="2020-01-01", cursor=cursor, **asked)).json
    await buying

    assert len(seen) == len(set(seen))
    assert set(first) <= set(seen)


async def test_filters_hold_for_what_is_not_written_yet(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = await bank.with_key()
    await rent(holder, reference="one")

    async def away(*_: object) -> bool:
        raise Unreachable("gone")

    monkeypatch.setattr(StoredLedger, "settle", away)
    kept = (await rent(holder, reference="two")).json["id"]

    async def ids(**asked: str) -> list[int]:
        return [row["id"] for row in (await holder.get("/v1/rentals", **asked)).json["data"]]

    assert await ids(reference="two") == [kept]
    assert kept not in await ids(reference="one")
    assert kept not in await ids(until="2020-01-01")
    assert await ids(since="2020-01-01", reference="two") == [kept]
    assert await ids(since="2990-01-01", reference="two") == []
    monkeypatch.undo()
