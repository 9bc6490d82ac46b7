"""The list of events over a socket: newest first, made for platforms that poll."""

import asyncio
from typing import Any

import pytest

from adapters.simulator import Simulator
from tests.codes.support import listening_to
from tests.money.outages import locked
from tests.support.gateway import Client, new_database
from tests.support.money import CHARGING, open_bank, rent, two_clients
from tests.support.statements import execute

CANCELLED = ["rental.ended", "rental.refunded", "rental.cancel_requested", "rental.created"]
EACH = len(CANCELLED)
FIELDS = {"id", "type", "timestamp", "data", "details", "test"}


async def listed(client: Client, **asked: str) -> list[dict[str, Any]]:
    answer = await client.get("/v1/events", **asked)
    assert answer.status == 200, answer.body
    rows: list[dict[str, Any]] = answer.json["data"]
    return rows


async def types(client: Client, **asked: str) -> list[str]:
    return [row["type"] for row in await listed(client, **asked)]


async def bought(client: Client) -> int:
    answer = await rent(client)
    assert answer.status == 201, answer.body
    number: int = answer.json["id"]
    return number


async def cancelled(client: Client) -> int:
    number = await bought(client)
    answer = await client.post(f"/v1/rentals/{number}/cancel")
    assert answer.json["ended_reason"] == "cancelled"
    return number


async def test_what_happened_to_a_rental_is_listed_as_it_stood_then() -> None:
    async with open_bank(new_database()) as bank:
        number = await bought(bank.client)
        bank.sim.receive_code(number, "012345")
        waited = await bank.client.get(f"/v1/rentals/{number}/code", wait_seconds="20")
        await bank.client.post(f"/v1/rentals/{number}/complete")
        ended, coded, created = await listed(bank.client)
        now = await bank.client.get(f"/v1/rentals/{number}")

    assert waited.json["ended_reason"] is None
    assert [row["type"] for row in (created, coded, ended)] == [
        "rental.created", "rental.code_received", "rental.ended",
    ]  # fmt: skip
    assert all(set(row) == FIELDS for row in (created, coded, ended))
    assert [row["id"] for row in (created, coded, ended)] == ["evt_1", "evt_2", "evt_3"]
    assert [row["data"]["id"] for row in (created, coded, ended)] == [number] * 3
    assert [row["data"]["code"] for row in (created, coded, ended)] == [None, "012345", "012345"]
    reasons = [row["data"]["ended_reason"] for row in (created, coded, ended)]
    assert reasons == [None, None, "completed"]
    assert now.json["ended_reason"] == "completed"
    assert all(row["timestamp"].endswith("Z") for row in (created, coded, ended))


async def test_filters_choose_and_pages_lead_to_the_oldest_while_more_comes() -> None:
    async with open_bank(new_database()) as bank:
        client = bank.client
        first, second = await cancelled(client), await cancelled(client)
        of_first = await listed(client, rental_id=str(first))
        refunds = await listed(client, type="rental.refunded")
        everything = await listed(client, type="any")
        ids, cursor = [], ""
        while True:
            answer = await client.get(
                "/v1/events", limit="2", **({"cursor": cursor} if cursor else {})
            )
            ids += [row["id"] for row in answer.json["data"]]
            cursor = answer.json["next_cursor"]
            if cursor is None:
                break
            await cancelled(client)

    assert [row["type"] for row in of_first] == CANCELLED
    assert [row["data"]["id"] for row in refunds] == [second, first]
    assert all(row["data"]["refunded"] == "0.55" for row in refunds)
    assert [row["type"] for row in everything] == CANCELLED * 2
    assert ids == [row["id"] for row in everything]


@pytest.mark.parametrize("spelled", ["evt_{}", "{}"])
async def test_after_an_id_come_the_newer_ones_only(spelled: str) -> None:
    async with open_bank(new_database()) as bank:
        await cancelled(bank.client)
        newest = (await listed(bank.client))[0]["id"].removeprefix("evt_")
        after = spelled.format(newest)
        none = await bank.client.get("/v1/events", after_id=after)
        number = await cancelled(bank.client)
        page = await bank.client.get("/v1/events", after_id=after, limit="3")
        rest = await listed(bank.client, after_id=after, cursor=page.json["next_cursor"])

    assert none.json == {"data": [], "next_cursor": None}
    assert [row["type"] for row in [*page.json["data"], *rest]] == CANCELLED
    assert {row["data"]["id"] for row in [*page.json["data"], *rest]} == {number}


@pytest.mark.parametrize(
    "asked",
    [
        {"type": "rental.improved"}, {"after_id": "evt_"}, {"after_id": "evt_x"},
        {"after_id": "-1"}, {"after_id": "9" * 30}, {"cursor": "evt_evt_1"}, {"rental_id": "-1"},
        {"limit": "1001"}, {"kind": "rental.ended"},
    ],
    ids=str,
)  # fmt: skip
async def test_what_cannot_be_asked_is_refused(asked: dict[str, str]) -> None:
    async with open_bank(new_database()) as bank:
        answer = await bank.client.get("/v1/events", **asked)

    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["detail"].startswith(next(iter(asked)))


async def test_it_is_a_list_whatever_is_accepted_and_the_stream_has_a_path_of_its_own() -> None:
    async with open_bank(new_database()) as bank:
        async with listening_to(bank.client) as stream:
            number = await bought(bank.client)
            heard = await stream.event()
        accepting = {"Accept": "text/event-stream", "Last-Event-ID": heard.id}
        answer = await bank.client.ask("GET", "/v1/events", headers=accepting)
        [row] = answer.json["data"]

    assert stream.response.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Content-Type"] == "application/json"
    assert (row["id"], row["type"]) == (f"evt_{heard.id}", heard.kind)
    assert row["data"] == heard.data
    assert heard.data["id"] == number


@pytest.mark.parametrize("named", ["{}", "evt_{}"])
async def test_the_stream_goes_on_after_an_id_of_the_list(named: str) -> None:
    async with open_bank(new_database()) as bank:
        await cancelled(bank.client)
        created = (await listed(bank.client))[-1]
        last = named.format(created["id"].removeprefix("evt_"))
        async with listening_to(bank.client, Last_Event_ID=last) as stream:
            told = [await stream.event() for _ in range(3)]

    assert [(f"evt_{each.id}", each.kind) for each in told] == [
        ("evt_2", "rental.cancel_requested"),
        ("evt_3", "rental.refunded"),
        ("evt_4", "rental.ended"),
    ]
    assert [each.data["refunded"] for each in told] == [None, "0.55", "0.55"]


async def test_a_key_sees_what_it_bought_and_an_admin_the_whole_account() -> None:
    async with open_bank(new_database()) as bank:
        holder, other = await bank.with_key(), await bank.with_key()
        admin = await bank.with_key(admin=True)
        mine, theirs = await cancelled(holder), await bought(other)
        seen = {
            name: [row["data"]["id"] for row in await listed(client)]
            for name, client in (
                ("holder", holder),
                ("other", other),
                ("admin", admin),
                ("own", bank.holder("sk_the_servers_own")),
                ("stranger", bank.client),
            )
        }
        of_theirs = await listed(holder, rental_id=str(theirs))

    assert seen["holder"] == [mine] * EACH
    assert seen["other"] == [theirs]
    assert seen["admin"] == seen["own"] == [theirs, *[mine] * EACH]
    assert seen["stranger"] == of_theirs == []


async def test_a_type_of_a_newer_version_breaks_neither_list_nor_stream() -> None:
    url = new_database()
    newer = "INSERT INTO events (account_id, kind, at, rental, oldest, rental_id) "
    async with open_bank(url) as bank, listening_to(bank.client) as stream:
        await bought(bank.client)
        created = await stream.event()
        of_it = "SELECT account_id, 'rental.improved', at, '{}', oldest, rental_id FROM events"
        await execute(url, f"{newer} {of_it}; {newer} {of_it};")
        number = await cancelled(bank.client)
        told = [await stream.event() for _ in range(EACH)]
        rows = await listed(bank.client, after_id=created.id)
        async with listening_to(bank.client, Last_Event_ID=created.id) as again:
            resumed = [await again.event() for _ in range(EACH)]

    assert [each.kind for each in told] == CANCELLED[::-1]
    assert [each.data["id"] for each in told] == [number] * EACH
    assert resumed == told
    assert [row["id"] for row in rows] == [f"evt_{each.id}" for each in told[::-1]]


async def test_an_event_about_no_rental_is_told_by_list_and_stream() -> None:
    url = new_database()
    low = "INSERT INTO events (account_id, kind, at, rental, oldest) "
    async with open_bank(url) as bank, listening_to(bank.client) as stream:
        await bought(bank.client)
        await execute(
            url, f"{low} SELECT account_id, 'balance.low', at, 'null', oldest FROM events"
        )
        await cancelled(bank.client)
        told = [await stream.event() for _ in range(3)]
        [row] = await listed(bank.client, type="balance.low")

    assert [each.kind for each in told] == ["rental.created", "balance.low", "rental.created"]
    assert (row["id"], row["data"], told[1].data) == (f"evt_{told[1].id}", None, None)


async def test_while_the_ledger_is_away_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.store.sqlite.database.LOCK_SECONDS", 0.2)
    async with open_bank(new_database()) as bank:
        async with locked(bank):
            away = await bank.client.get("/v1/events")
        back = await bank.client.get("/v1/events")

    assert (away.status, away.json["code"]) == (503, "ledger_unavailable")
    assert back.json["data"] == []


async def newer(client: Client, last: str) -> list[dict[str, Any]]:
    """All events after one, newest first."""
    found: list[dict[str, Any]] = []
    asked = {"after_id": last, "limit": "3"}
    while True:
        page = (await client.get("/v1/events", **asked)).json
        found += page["data"]
        if page["next_cursor"] is None:
            return found
        asked["cursor"] = page["next_cursor"]


async def test_who_polls_by_id_misses_nothing_of_two_nodes_and_reads_nothing_twice(
    store_url: str,
) -> None:
    seen: list[dict[str, Any]] = []
    writing = True

    async def poll(client: Client) -> None:
        final = False
        while not final:
            final = not writing
            seen[:0] = await newer(client, seen[0]["id"] if seen else "evt_0")

    async with Simulator(CHARGING).running() as sim, two_clients(sim.url, store_url) as clients:
        await bought(clients[0])
        polling = asyncio.create_task(poll(clients[0]))
        numbers = await asyncio.gather(*(cancelled(clients[n % 2]) for n in range(24)))
        writing = False
        await polling

    ids = [int(row["id"].removeprefix("evt_")) for row in seen]
    assert ids == sorted(set(ids), reverse=True)
    for number in numbers:
        assert [row["type"] for row in seen if row["data"]["id"] == number] == CANCELLED
