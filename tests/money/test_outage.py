"""While the ledger is away: what the provider said is answered, served, and written later."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.simulator import Fault, FaultKind
from adapters.store import Unreachable
from adapters.store.sqlite import database as sqlite
from gateway.core.model.errors import LedgerUnavailable
from gateway.core.model.purchases import Outcome, SpendState, View
from gateway.core.ports.storage import Unstorable
from gateway.core.rentals import unwritten
from gateway.http import health
from gateway.telemetry import logs
from tests.codes.support import listening_to
from tests.money import outages
from tests.money.outages import Outage
from tests.support.contract import Answer
from tests.support.gateway import Client, new_database
from tests.support.ledger import rental_of
from tests.support.money import Bank, open_bank, rent, replayed
from tests.support.postgres import Postgres
from tests.support.waiting import until

BUDGET = {"budget_total": Decimal(5)}


@dataclass(frozen=True, slots=True)
class Trouble:
    """An empty store, and a way to take it away; `readable`: it can still be read then."""

    url: str
    outage: Outage
    readable: bool


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unwritten, "_AGAIN_AFTER", 0.05)
    monkeypatch.setattr(sqlite, "LOCK_SECONDS", 0.2)
    monkeypatch.setattr(health, "_LEDGER_VALID", 0.0)


@pytest.fixture(params=[*outages.SQLITE, "postgres"], ids=lambda way: getattr(way, "__name__", way))
def trouble(request: pytest.FixtureRequest) -> Iterator[Trouble]:
    if request.param != "postgres":
        readable = request.param is not outages.locked
        yield Trouble(new_database(), request.param, readable)
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.database() as url:
        yield Trouble(url, outages.without_connections(server, url), readable=False)


def assert_away(answer: Answer) -> None:
    told = answer.json
    assert (answer.status, told["code"]) == (503, "ledger_unavailable"), answer.body
    assert (told["charged"], told["retryable"]) == ("no", True)
    assert int(answer.headers["Retry-After"]) == told["retry_after"] >= 1


async def get_status(client: Client, rental_id: int) -> bytes:
    """getStatus, as a legacy tool asks it."""
    asked = f"/stubs/handler_api.php?api_key={client.key}&action=getStatus&id={rental_id}"
    return (await client.ask("GET", asked, key=None)).body


async def readiness(client: Client) -> tuple[int, str]:
    answer = await client.ask("GET", "/readyz", key=None)
    return answer.status, answer.json["ledger"]


async def is_ready(client: Client) -> bool:
    return await readiness(client) == (200, "available")


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What was answered while the ledger was away: to the buyer, and to another key."""

    again: Answer
    refused: list[Answer]
    read: Answer
    foreign: list[Answer]
    waited: Answer
    polled: bytes
    cancelled: Answer
    listed: Answer
    balance: Answer
    ready: tuple[int, str]


async def live_on(bank: Bank, buyer: Client, other: Client, first: int, second: int) -> Meanwhile:
    """Everything that can be asked; the purchase of `second` could not be written."""
    again = await rent(buyer, "order-1")
    refused = [await rent(buyer), await rent(other), await rent(bank.client)]
    read = await buyer.get(f"/v1/rentals/{second}")
    foreign = [await other.get(f"/v1/rentals/{each}") for each in (first, second)]
    bank.sim.receive_code(second, "012345")
    waited = await buyer.get(f"/v1/rentals/{second}/code", wait_seconds="20")
    polled = await get_status(buyer, second)
    cancelled = await buyer.post(f"/v1/rentals/{first}/cancel")
    listed, balance = await buyer.get("/v1/rentals"), await buyer.get("/v1/balance")
    ready = await readiness(buyer)
    return Meanwhile(
        again, refused, read, foreign, waited, polled, cancelled, listed, balance, ready
    )


async def test_what_the_provider_said_is_served_and_nothing_is_sold(trouble: Trouble) -> None:
    async with open_bank(trouble.url) as bank:
        buyer, other = await bank.with_key(**BUDGET), await bank.with_key(**BUDGET)
        first = (await rent(buyer)).json["id"]
        await other.get("/v1/balance")
        async with answered_in(trouble, bank, rent(buyer, "order-1")) as made:
            second = made.json["id"]
            meanwhile = await live_on(bank, buyer, other, first, second)
        await until(lambda: is_ready(buyer))
        sold, after, spending = (
            await rent(other),
            await buyer.get("/v1/rentals"),
            await buyer.get("/v1/balance"),
        )
        spends = {one.request_id: one for one in await bank.running.gateway.ledger.spends(9)}

    assert made.status == 201
    assert bank.rents == 3  # with the one that was sold when all was well
    assert facts(after) == [(second, "code_received", "012345"), (first, "cancelled", None)]
    assert spends["order-1"].state is SpendState.BOUGHT
    assert spending.json["spent_total"] == "0.55"
    assert sold.status == 201
    check(meanwhile, made, after, readable=trouble.readable)


def check(told: Meanwhile, made: Answer, after: Answer, *, readable: bool) -> None:
    assert (told.again.status, told.again.body, replayed(told.again)) == (201, made.body, True)
    for answer in told.refused:
        assert_away(answer)
    assert (told.read.status, told.read.json["number"]) == (200, made.json["number"])
    for answer in told.foreign:
        assert answer.status == (404 if readable else 503), answer.body
    assert (told.waited.json["status"], told.waited.json["code"]) == ("received", "012345")
    assert told.polled == b"STATUS_OK:012345"
    assert (told.cancelled.status, told.cancelled.json["status"]) == (200, "cancelled")
    assert told.ready == (503, "unavailable")
    assert told.balance.status == 200
    if readable:
        assert facts(told.listed) == facts(after)
    else:
        assert_away(told.listed)
        assert told.balance.json["spent_total"] is None
        assert told.balance.json["left_total"] is None


@asynccontextmanager
async def answered_in(
    trouble: Trouble, bank: Bank, renting: Coroutine[Any, Any, Answer]
) -> AsyncIterator[Answer]:
    """A purchase that is sent before the ledger goes away, and answered while it is."""
    before = bank.rents
    bank.sim.script(Fault("rent-a-number", FaultKind.SLOW, seconds=60))
    made = asyncio.ensure_future(renting)
    await until(lambda: bank.rents == before + 1)
    async with trouble.outage(bank):
        bank.sim.release()
        yield await made


def facts(listed: Answer) -> list[tuple[Any, ...]]:
    assert listed.status == 200, listed.body
    return [(one["id"], one["status"], one["code"]) for one in listed.json["data"]]


@pytest.mark.parametrize("limited", [True, False], ids=["limited", "without limits"])
async def test_a_repeated_request_gets_its_first_answer(trouble: Trouble, limited: bool) -> None:
    async with open_bank(trouble.url) as bank:
        buyer = await bank.with_key(**BUDGET) if limited else bank.client
        async with answered_in(trouble, bank, rent(buyer, "order-1")) as made:
            again, other_input = (
                await rent(buyer, "order-1"),
                await rent(buyer, "order-1", max_price="0.99"),
            )

    assert (again.status, again.body, replayed(again)) == (201, made.body, True)
    assert (other_input.status, other_input.json["code"]) == (409, "request_id_reused")
    assert bank.rents == 1


async def test_its_events_are_told_once_it_is_written(trouble: Trouble) -> None:
    async with open_bank(trouble.url) as bank:
        gateway = bank.running.gateway
        async with answered_in(trouble, bank, rent(bank.client)) as made:
            rental = f"/v1/rentals/{made.json['id']}"
            for code in ("11", "22"):
                bank.sim.receive_code(made.json["id"], code)
                await bank.client.get(rental)
            await bank.client.post(f"{rental}/complete")
        await until(lambda: is_ready(bank.client))
        told = await gateway.store.events.events(account_of(bank), 0, 9)

    assert [(one.type.value, rental_of(one).code) for one in told] == [
        ("rental.created", None),
        ("rental.code_received", "11"),
        ("rental.code_received", "22"),
        ("rental.ended", "22"),
    ]


async def test_an_open_stream_of_events_lives_through_it(trouble: Trouble) -> None:
    async with open_bank(trouble.url) as bank, listening_to(bank.client) as stream:
        async with answered_in(trouble, bank, rent(bank.client)) as made:
            bank.running.gateway.core.notifier.account_changed(account_of(bank).account_id)
        told = await stream.event()

    assert (told.kind, told.data["id"]) == ("rental.created", made.json["id"])


def account_of(bank: Bank) -> View:
    return View(bank.running.gateway.hasher.name(bank.client.key or ""))


async def test_without_provider_and_ledger_the_last_known_state_is_told(trouble: Trouble) -> None:
    async with open_bank(trouble.url) as bank:
        made, unseen = [(await rent(bank.client)).json["id"] for _ in range(2)]
        bank.sim.receive_code(made, "012345")
        await bank.client.get(f"/v1/rentals/{made}")
        bank.running.gateway.core.services.repository._seen.pop(
            (account_of(bank).account_id, "rental", unseen), None
        )
        bank.sim.script(*[Fault("rental-status", FaultKind.HTML)] * 20)
        async with trouble.outage(bank):
            await rent(bank.client)
            known = await bank.client.get(f"/v1/rentals/{made}")
            polled = await get_status(bank.client, made)
            unknown = await bank.client.get(f"/v1/rentals/{unseen}")

    assert (known.status, known.json["code"]) == (200, "012345")
    assert polled == b"STATUS_OK:012345"
    if trouble.readable:
        assert (unknown.status, unknown.json["status"]) == (200, "active")
    else:
        assert_away(unknown)


async def test_an_outage_is_two_lines_in_the_log(
    trouble: Trouble, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("json", "info")
    async with open_bank(trouble.url) as bank:
        made = (await rent(bank.client)).json["id"]
        capsys.readouterr()
        async with trouble.outage(bank):
            for _ in range(5):
                await rent(bank.client)
                await bank.client.get(f"/v1/rentals/{made}")
                await bank.client.get("/v1/rentals")
                await get_status(bank.client, made)
        await until(lambda: is_ready(bank.client))
    begun, ended = capsys.readouterr().err.splitlines()

    assert "the ledger is not available; nothing is sold until it is" in begun
    assert "the ledger is available again" in ended


async def test_a_key_that_was_never_seen_waits_and_a_known_one_does_not(trouble: Trouble) -> None:
    async with open_bank(trouble.url) as bank:
        known, never = await bank.with_key(**BUDGET), await bank.with_key(**BUDGET)
        await known.get("/v1/balance")
        bank.running.gateway.callers._found.clear()
        async with trouble.outage(bank):
            seen, unseen = await known.get("/v1/prices"), await never.get("/v1/prices")

    assert seen.status == 200
    if trouble.readable:
        assert unseen.status == 200
    else:
        assert_away(unseen)


async def test_a_restart_before_it_is_written_leaves_its_outcome_unknown(trouble: Trouble) -> None:
    async with open_bank(trouble.url) as bank:
        async with (
            open_bank(trouble.url, bank.sim) as dying,
            answered_in(trouble, dying, rent(dying.client, "order-1")) as made,
        ):
            dying.running.gateway.core.unwritten.ends.clear()  # as a killed process forgets
        await bank.running.gateway.ledger.recover(bank.running.gateway.core.services.clock.now())
        again = await rent(bank.client, "order-1")

    assert made.status == 201
    assert (again.status, again.json["code"]) == (409, "outcome_unknown")
    assert bank.rents == 1


async def test_of_two_processes_one_cannot_write_and_undoes_no_end() -> None:
    url = new_database()
    async with open_bank(url) as bank, open_bank(url, bank.sim) as other:
        made = (await rent(bank.client)).json["id"]
        async with outages.read_only(bank):
            bank.sim.receive_code(made, "012345")
            await bank.client.get(f"/v1/rentals/{made}")
            await other.client.post(f"/v1/rentals/{made}/complete")
        await until(lambda: is_ready(bank.client))
        listed = await other.client.get("/v1/rentals")

    assert facts(listed) == [(made, "completed", "012345")]


async def test_a_rental_that_another_process_bought_is_answered_whole() -> None:
    url = new_database()
    async with open_bank(url) as other, open_bank(url, other.sim) as bank:
        made = (await rent(other.client)).json
        async with outages.read_only(bank):
            cancelled = await bank.client.post(f"/v1/rentals/{made['id']}/cancel")

    ended = {"status": "cancelled", "ended_reason": "cancelled"}
    assert cancelled.json == made | ended | {"balance": cancelled.json["balance"]}


async def test_a_cancel_that_may_not_be_yet_says_that_no_wish_is_kept() -> None:
    async with open_bank(new_database()) as bank:
        made = (await rent(bank.client)).json["id"]
        bank.sim.change(cancel_locked=300.0)
        async with outages.read_only(bank):
            refused = await bank.client.post(f"/v1/rentals/{made}/cancel")
        await until(lambda: is_ready(bank.client))
        read = await bank.client.get(f"/v1/rentals/{made}")

    assert_away(refused)
    assert "does not cancel it later by itself" in refused.json["detail"]
    assert (read.json["status"], read.json["cancel_requested_at"]) == ("active", None)


async def test_a_code_is_told_in_each_of_two_processes() -> None:
    """The first one follows the rental for a stream, and cannot write what it reads."""
    url = new_database()
    async with (
        open_bank(url) as bank,
        open_bank(url, bank.sim) as other,
        listening_to(bank.client) as stream,
    ):
        made = (await rent(bank.client)).json["id"]
        await stream.event()
        schedules = bank.running.gateway.core.services.poller._schedules
        await until(lambda: schedules[account_of(bank).account_id].targets[made].lease)
        async with outages.read_only(bank), outages.read_only(other):
            bank.sim.receive_code(made, "012345")
            told = await other.client.get(f"/v1/rentals/{made}/code", wait_seconds="25")

    assert (told.json["status"], told.json["code"]) == ("received", "012345")


async def test_a_long_rental_is_its_buyers_before_it_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def away(*asked: Any) -> None:
        raise Unreachable("away")

    async with open_bank(new_database()) as bank:
        buyer, other = await bank.with_key(), await bank.with_key()
        with monkeypatch.context() as trouble:
            trouble.setattr(bank.running.gateway.ledger, "settle", away)
            made = (await buyer.post("/v1/long-rentals", {"period": "1w"})).json
            lists = [await one.get("/v1/long-rentals") for one in (buyer, other)]
            messages = [
                await one.get(f"/v1/long-rentals/{made['id']}/messages") for one in (buyer, other)
            ]

    assert [one.json["data"] for one in lists] == [[made], []]
    assert [one.status for one in messages] == [200, 404]


@pytest.mark.parametrize("limited", [True, False], ids=["limited", "without limits"])
async def test_lists_know_what_is_kept_on_every_page(limited: bool) -> None:
    async with open_bank(new_database()) as bank:
        buyer = await bank.with_key(**BUDGET) if limited else bank.client
        made = [(await rent(buyer)).json["id"] for _ in range(4)]
        async with outages.read_only(bank):
            await buyer.post(f"/v1/rentals/{made[2]}/cancel")
            cancelled = await buyer.get("/v1/rentals", status="cancelled")
            active, page = [], await buyer.get("/v1/rentals", status="active", limit="1")
            while page.json["next_cursor"]:
                active += facts(page)
                asked = {"status": "active", "limit": "1", "cursor": page.json["next_cursor"]}
                page = await buyer.get("/v1/rentals", **asked)
            active += facts(page)

    assert facts(cancelled) == [(made[2], "cancelled", None)]
    assert [each[0] for each in active] == [made[3], made[1], made[0]]


async def test_content_that_is_refused_stops_no_sale(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a PostgreSQL of another encoding, which has no such letters."""
    logs.configure("json", "info")
    async with open_bank(new_database()) as bank:
        ledger = bank.running.gateway.ledger
        settle = ledger.settle

        async def in_ascii(ledger_id: str, outcome: Outcome, at: datetime) -> bool:
            if outcome.bought is not None and outcome.bought.number is not None:
                raise Unstorable("the number")
            return await settle(ledger_id, outcome, at)

        monkeypatch.setattr(ledger, "settle", in_ascii)
        capsys.readouterr()
        made = await rent(bank.client, "order-1")
        (line,) = capsys.readouterr().err.splitlines()
        again, next_one = await rent(bank.client, "order-1"), await rent(bank.client)
        ready = await readiness(bank.client)

    assert (made.status, again.body, next_one.status) == (201, made.body, 201)
    assert made.json["number"] is not None
    assert ready == (200, "available")
    assert "written without a field" in line
    assert "number" in line


async def test_a_defect_met_while_writing_stops_no_sale(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def defect(*asked: Any) -> None:
        raise RuntimeError("a defect")

    logs.configure("json", "info")
    async with open_bank(new_database()) as bank:
        first, second = [(await rent(bank.client)).json["id"] for _ in range(2)]
        async with outages.read_only(bank):
            for each in (first, second):
                bank.sim.receive_code(each, "012345")
                await bank.client.get(f"/v1/rentals/{each}")
            monkeypatch.setattr(bank.running.gateway.ledger, "record", defect)
        await until(lambda: is_ready(bank.client))
        sold = await rent(bank.client)

    assert sold.status == 201
    assert capsys.readouterr().err.count("writing what the ledger missed") == 2


async def test_a_tool_without_request_ids_buys_once(trouble: Trouble) -> None:
    """It hangs up while the purchase runs, whose end cannot be written, and comes again."""
    async with open_bank(trouble.url) as bank:
        core = bank.running.gateway.core
        path = f"/stubs/handler_api.php?api_key={bank.client.key}&action=getNumber&service=wa"
        bank.sim.script(Fault("rent-a-number", FaultKind.SLOW, seconds=60))
        first = asyncio.ensure_future(bank.client.ask("GET", path, key=None))
        await until(lambda: bank.rents == 1)
        async with trouble.outage(bank):
            first.cancel()
            await asyncio.wait([first])
            await until(lambda: is_reported(bank))
            bank.sim.release()
            await until(lambda: core.unwritten.ends)
            meanwhile = await bank.client.ask("GET", path, key=None)
        await until(lambda: is_ready(bank.client))
        again = await bank.client.ask("GET", path, key=None)

    assert meanwhile.body == b"ERROR_SQL"
    assert again.body.startswith(b"ACCESS_NUMBER:")
    assert bank.rents == 1


async def is_reported(bank: Bank) -> bool:
    """Whether it is known that the only purchase's caller has hung up."""
    gateway = bank.running.gateway
    if gateway.core.unwritten.undelivered:
        return True
    try:
        (spend,) = await gateway.ledger.spends(1)
    except LedgerUnavailable:
        return False
    now = gateway.core.services.clock.now()
    since = now - timedelta(minutes=1)
    found = await gateway.ledger.find_abandoned(spend.caller_id, spend.fingerprint, since, now)
    return found is not None
