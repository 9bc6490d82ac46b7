"""Who sees what: a gateway key what it bought, an admin and a provider's own key their account."""

import asyncio
from typing import Any

import pytest

from adapters.simulator import Simulator
from tests.support.contract import Answer
from tests.support.gateway import Client, new_database, open_client
from tests.support.money import CHARGING, Bank, open_bank, rent, terms
from tests.support.program import node
from tests.support.waiting import until


async def ids(client: Client, **asked: str) -> list[int]:
    answer = await client.get("/v1/rentals", **asked)
    return [row["id"] for row in answer.json["data"]]


async def long_ids(client: Client) -> list[int]:
    return [row["id"] for row in (await client.get("/v1/long-rentals")).json["data"]]


async def bought(client: Client) -> int:
    number: int = (await rent(client)).json["id"]
    return number


ON_A_RENTAL = [
    ("GET", ""), ("POST", "/cancel"), ("POST", "/complete"), ("POST", "/rent-again"),
    ("GET", "/code"),
]  # fmt: skip
ON_A_LONG_RENTAL = [("GET", "/messages"), ("POST", "/cancel"), ("POST", "/renew")]


def is_not_there(answer: Answer, code: str) -> bool:
    return (answer.status, answer.json["code"], answer.json["charged"]) == (404, code, "no")


@pytest.mark.parametrize(("method", "path"), ON_A_RENTAL)
async def test_anothers_rental_is_not_there(bank: Bank, method: str, path: str) -> None:
    holder, other = await bank.with_key(), await bank.with_key()
    rental_id = await bought(holder)
    before = bank.sim.journal.calls.total()
    answer = await other.ask(method, f"/v1/rentals/{rental_id}{path}")

    assert is_not_there(answer, "rental_not_found")
    assert bank.sim.journal.calls.total() == before


@pytest.mark.parametrize(("method", "path"), ON_A_LONG_RENTAL)
async def test_anothers_long_rental_is_not_there(bank: Bank, method: str, path: str) -> None:
    holder, other = await bank.with_key(), await bank.with_key()
    made = await holder.post("/v1/long-rentals", {"period": "1w"})
    answer = await other.ask(method, f"/v1/long-rentals/{made.json['id']}{path}")

    assert is_not_there(answer, "long_rental_not_found")
    assert (await holder.get(f"/v1/long-rentals/{made.json['id']}/messages")).status == 200


async def test_each_sees_its_own_and_an_admin_sees_all(bank: Bank) -> None:
    holder, other = await bank.with_key(), await bank.with_key()
    admin = await bank.with_key(admin=True)
    mine, theirs = await bought(holder), await bought(other)
    strangers = await bought(bank.client)

    assert await ids(holder) == [mine]
    assert await ids(other) == [theirs]
    assert await ids(admin) == [theirs, mine]
    assert await ids(bank.client) == [strangers]
    assert (await admin.post(f"/v1/rentals/{mine}/cancel")).status == 200
    assert (await admin.get(f"/v1/rentals/{strangers}")).status == 404


async def test_the_servers_own_key_sees_what_gateway_keys_bought(bank: Bank) -> None:
    rental_id = await bought(await bank.with_key())

    assert await ids(bank.holder("sk_the_servers_own")) == [rental_id]


async def test_long_rentals_are_each_ones_own_too(bank: Bank) -> None:
    holder, other = await bank.with_key(), await bank.with_key()
    admin = await bank.with_key(admin=True)
    for one in (holder, other):
        await one.post("/v1/long-rentals", {"period": "1w"})

    assert await long_ids(holder) == [1]
    assert await long_ids(other) == [2]
    assert sorted(await long_ids(admin)) == [1, 2]


async def test_rentals_are_listed_newest_first_by_page_and_by_filter(bank: Bank) -> None:
    made = [
        (await rent(bank.client, service_code=code)).json["id"]
        for code in ("whatsapp", "telegram", "whatsapp", "telegram", "whatsapp")
    ]
    await bank.client.post(f"/v1/rentals/{made[0]}/cancel")
    pages: list[list[int]] = []
    asked: dict[str, Any] = {"limit": "2"}
    while asked.get("cursor", "") is not None:
        page = (await bank.client.get("/v1/rentals", **asked)).json
        pages.append([row["id"] for row in page["data"]])
        asked["cursor"] = page["next_cursor"]

    assert pages == [[made[4], made[3]], [made[2], made[1]], [made[0]]]
    assert await ids(bank.client, status="cancelled") == [made[0]]
    assert await ids(bank.client, service_code="telegram") == [made[3], made[1]]
    assert await ids(bank.client, status="active", service_code="whatsapp") == [made[4], made[2]]


async def test_what_was_rented_is_remembered_after_a_restart() -> None:
    url = new_database()
    async with Simulator(CHARGING).running() as sim:
        async with open_bank(url, sim) as bank:
            key = await bank.key()
            rental_id = await bought(bank.holder(key))
            before = (await bank.holder(key).get("/v1/rentals")).json
        async with open_bank(url, sim) as bank:
            after = (await bank.holder(key).get("/v1/rentals")).json
            seen = await bank.holder(key).get(f"/v1/rentals/{rental_id}")

    assert after == before
    assert seen.status == 200


async def test_a_revocation_is_noticed_by_another_process_within_seconds(store_url: str) -> None:
    async with Simulator(CHARGING).running() as sim, open_bank(store_url, sim) as bank:
        key = await bank.key()
        async with (
            node(sim.url, **terms(store_url)) as other,
            open_client(other.url, key) as holder,
        ):
            before = await holder.get("/v1/balance")
            (made,) = await bank.running.gateway.keys.all()
            await bank.running.gateway.keys.revoke(made.id, made.created_at)
            async with asyncio.timeout(60):
                await until(lambda: is_refused(holder))
            after = await rent(holder)

    assert before.status == 200
    assert (after.status, after.json["charged"]) == (401, "no")
    assert bank.rents == 0


async def is_refused(client: Client) -> bool:
    return (await client.get("/v1/balance")).status == 401


async def test_an_admin_finds_who_rented_a_number_and_others_find_their_own(bank: Bank) -> None:
    shop, other, admin = (
        await bank.with_key(),
        await bank.with_key(),
        await bank.with_key(admin=True),
    )
    rented = (await rent(shop)).json
    bare = rented["number"].removeprefix("+1")
    found = [
        (await holder.get("/v1/rentals", number=number)).json["data"]
        for holder in (admin, shop, other)
        for number in (bare, f"1{bare}")
    ]

    ids = [[row["ledger_id"] for row in rows] for rows in found]
    assert ids == [[rented["ledger_id"]]] * 4 + [[]] * 2
