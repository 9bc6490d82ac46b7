"""Every code of a rental is answered with it, newest first, and is an event of its own."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.simulator import NEVER, Fault, FaultKind, Rules, SimulatorConfig
from adapters.store.tables import rentals
from gateway.core.codes.provider_webhooks import webhook_secret
from gateway.core.rentals import unwritten
from tests.codes.support import listening_to, rent
from tests.money.outages import read_only
from tests.support.contract import Answer
from tests.support.gateway import USUAL, Client, Stand, run_simulated
from tests.support.money import Bank
from tests.support.waiting import until

QUIET = SimulatorConfig(
    limits=USUAL.limits, catalogue_size=3, rules=Rules(code_after=NEVER, cancel_locked=0.0)
)


@pytest.fixture
async def stand(store_url: str) -> AsyncIterator[Stand]:
    secret = "the same secret for all of the nodes"
    async with run_simulated(
        QUIET, gateway_database_url=store_url, gateway_secret=secret
    ) as running:
        yield running


async def read(client: Client, rental_id: int) -> Answer:
    return await client.get(f"/v1/rentals/{rental_id}")


def codes_of(answer: Answer) -> list[tuple[str, bool]]:
    return [(code["code"], code["provisional"]) for code in answer.json["codes"]]


async def send_webhook(stand: Stand, rental_id: int, code: int) -> None:
    caller = await stand.gateway.callers.identify(stand.client.key or "")
    secret = webhook_secret(stand.gateway.hasher, caller.account.id)
    body = {"id": rental_id, "code": code}
    await stand.client.ask("POST", f"/webhooks/getatext/{secret}", json=body, key=None)
    webhooks = stand.gateway.core.webhooks
    await until(lambda: not webhooks._checks)


async def test_all_codes_of_a_rental_with_their_events(stand: Stand) -> None:
    client = stand.client
    rental_id = await rent(client)
    fresh = await read(client, rental_id)
    told = list[Any]()
    async with listening_to(client, Last_Event_ID="0") as stream:
        await stream.event()
        for code in ("012345", "777777", "012346"):
            stand.sim.receive_code(rental_id, code)
            told.append((await stream.event()).data)
    whole = await read(client, rental_id)
    listed = await client.get("/v1/rentals")
    waited = await client.get(f"/v1/rentals/{rental_id}/code", after_code="012345")
    asked = f"/stubs/handler_api.php?api_key={client.key}&action=getStatus&id={rental_id}"
    legacy = await client.ask("GET", asked, key=None)
    done = await client.post(f"/v1/rentals/{rental_id}/complete")

    assert codes_of(fresh) == []
    assert codes_of(whole) == [("012346", False), ("777777", False), ("012345", False)]
    assert [one["code"] for one in told] == ["012345", "777777", "012346"]
    assert [one["codes"] for one in told] == [None] * 3
    times = [code["received_at"] for code in whole.json["codes"]]
    assert times == sorted(times, reverse=True)
    assert times[0] == whole.json["code_received_at"]
    assert (whole.json["code"], waited.json["code"]) == ("012346", "012346")
    assert legacy.body == b"STATUS_OK:012346"
    assert [row["codes"] for row in listed.json["data"]] == [None]
    assert codes_of(done) == codes_of(whole)


async def test_a_code_that_comes_once_more_is_the_newest_again(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    rental_id = await rent(stand.client)
    for code in ("1111", "2222", "1111"):
        stand.sim.receive_code(rental_id, code)
        early = await read(stand.client, rental_id)  # the last may be an older read of another node
    monkeypatch.setattr(rentals, "_LONGEST_READ", 0)  # until a minute has passed
    late = await read(stand.client, rental_id)

    assert codes_of(early) == [("2222", False), ("1111", False)]
    assert codes_of(late) == [("1111", False), ("2222", False)]
    assert late.json["code"] == "1111"


async def test_codes_are_read_from_the_ledger_again(stand: Stand) -> None:
    rental_id = await rent(stand.client)
    for code in ("1111", "2222"):
        stand.sim.receive_code(rental_id, code)
        await read(stand.client, rental_id)
    stand.gateway.core.services.repository.forget_all()
    again = await read(stand.client, rental_id)

    assert codes_of(again) == [("2222", False), ("1111", False)]


async def test_a_webhooks_code_is_shown_at_once_and_exactly_once_it_is_read(stand: Stand) -> None:
    client = stand.client
    rental_id = await rent(client)
    await read(client, rental_id)
    await send_webhook(stand, rental_id, 12345)
    early = await read(client, rental_id)
    waited = await client.get(f"/v1/rentals/{rental_id}/code", wait_seconds="0")
    stand.sim.receive_code(rental_id, "012345")
    exact = await read(client, rental_id)

    assert codes_of(early) == [("12345", True)]
    assert (early.json["code"], early.json["status"]) == (None, "active")
    assert waited.json["status"] == "pending"
    assert codes_of(exact) == [("012345", False)]


async def test_a_webhooks_code_stays_where_its_status_was_never_read(stand: Stand) -> None:
    client = stand.client
    rental_id = await rent(client)
    stand.sim.script(Fault("rental-status", FaultKind.STATUS, status=400, body="no"))
    await send_webhook(stand, rental_id, 1111)
    stand.sim.receive_code(rental_id, "1111")
    stand.sim.receive_code(rental_id, "2222")
    whole = await read(client, rental_id)

    assert sorted(codes_of(whole)) == [("1111", True), ("2222", False)]


async def test_codes_that_came_while_the_ledger_was_away_are_written_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unwritten, "_AGAIN_AFTER", 0.05)
    async with run_simulated(QUIET) as stand:
        client, bank = stand.client, Bank(stand, stand.sim)
        rental_id = await rent(client)
        stand.sim.receive_code(rental_id, "0")
        await read(client, rental_id)
        async with read_only(bank):
            for code in ("1111", "2222"):
                stand.sim.receive_code(rental_id, code)
                meanwhile = await read(client, rental_id)
            listed = await client.get("/v1/rentals")
        await until(lambda: not stand.gateway.core.unwritten.away)
        after = await read(client, rental_id)
        async with listening_to(client, Last_Event_ID="0") as stream:
            events = [(await stream.event()).data["code"] for _ in range(4)]

    expected = [("2222", False), ("1111", False), ("0", False)]
    assert codes_of(meanwhile) == codes_of(after) == expected
    assert after.json["codes"] == meanwhile.json["codes"]
    assert [row["codes"] for row in listed.json["data"]] == [None]
    assert events == [None, "0", "1111", "2222"]
