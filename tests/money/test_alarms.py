"""Alarms over a socket: who reads them in the list and the stream, and the log and the metrics."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import structlog

from adapters.simulator import DEMO_KEY, Fault, FaultKind
from gateway.telemetry import logs
from tests.codes.support import listening_to
from tests.money.outages import locked
from tests.support.gateway import Client, new_database
from tests.support.money import OWN, Bank, open_bank, rent, rent_many, two_clients
from tests.support.waiting import until

ALARMS = ("purchase.outcome_unknown", "purchase.overcharged", "key.budget_reached", "balance.low")
LOW: dict[str, Any] = {"gateway_balance_low": Decimal(50)}
LOST = Fault("rent-a-number", FaultKind.DROP_AFTER)


async def alarms(client: Client, type: str = "any") -> list[dict[str, Any]]:
    """Newest first."""
    answer = await client.get("/v1/events", type=type)
    assert answer.status == 200, answer.body
    return [row for row in answer.json["data"] if row["type"] in ALARMS]


def details(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row["details"].items() if value is not None}


def counted(bank: Bank, type: str) -> float:
    """What the metrics count of a type."""
    start = f'getatext_gateway_alarms_total{{type="{type}"}} '
    [line] = [
        line
        for line in bank.running.gateway.metrics.render().decode().splitlines()
        if line.startswith(start)
    ]
    return float(line.removeprefix(start))


@pytest.fixture(autouse=True)
def a_new_logger(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has been used keeps the form that was configured then, by another test."""
    monkeypatch.setattr(
        "gateway.telemetry.metrics.alarm_log", structlog.get_logger("gateway.alarms")
    )


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The alarms; loggers of others may have kept another form."""
    written = capsys.readouterr().err.splitlines()
    lines = [json.loads(line) for line in written if line.startswith("{")]
    return [line for line in lines if line["event"] == "alarm"]


def set_balance(bank: Bank, amount: str, key: str = OWN) -> None:
    bank.sim.change(accounts={key: {"balance": amount}})


async def judged(bank: Bank) -> None:
    """Waits until what was heard of balances is written."""
    watch = bank.running.gateway.balances
    assert watch is not None
    await watch.close()


async def test_a_lost_purchase_is_read_by_its_buyer_and_by_who_sees_the_account() -> None:
    async with open_bank(new_database()) as bank:
        buyer = await bank.with_key(budget_total=Decimal(5))
        other, admin = await bank.with_key(budget_total=Decimal(5)), await bank.with_key(admin=True)
        bank.sim.script(LOST)
        async with listening_to(buyer) as stream, listening_to(other) as silent:
            answer = await rent(buyer)
            told = await stream.event()
            await rent(other)
            heard_by_other = await silent.event()
        [row] = await alarms(buyer)
        [same] = await alarms(admin)
        none = await alarms(other)

    assert (answer.status, answer.json["code"]) == (409, "outcome_unknown")
    assert row == same
    assert row["data"]["status"] == "unknown"
    assert details(row) == {
        "ledger_id": row["data"]["ledger_id"], "operation": "rent_number", "reserved": "0.55",
    }  # fmt: skip
    assert (told.kind, told.data) == ("purchase.outcome_unknown", row["details"])
    assert heard_by_other.kind == "rental.created"
    assert none == []


async def test_the_node_that_writes_an_alarm_logs_and_counts_it_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("json", "info")
    url = new_database()
    async with open_bank(url) as bank, open_bank(url, bank.sim) as idle:
        before = [counted(bank, type) for type in ALARMS]
        bank.sim.script(LOST)
        await rent(bank.client)
        [row] = await alarms(idle.client)
        counts = [counted(each, "purchase.outcome_unknown") for each in (bank, idle)]

    [line] = logged(capsys)
    assert (line["level"], line["type"]) == ("warning", "purchase.outcome_unknown")
    assert line["ledger_id"] == row["data"]["ledger_id"]
    assert line["settle_with"] == f"getatext-gateway ledger resolve {line['ledger_id']}"
    assert DEMO_KEY not in json.dumps(line)
    assert (before, counts) == ([0, 0, 0, 0], [1, 0])


async def test_a_price_above_what_was_reserved_is_an_alarm() -> None:
    async with open_bank(new_database()) as bank:
        buyer = await bank.with_key(budget_total=Decimal(5))
        await buyer.get("/v1/prices")
        dearer = {"whatsapp": {"price": "0.75"}}
        bank.sim.change(heeds_max_price=False, services=dearer)
        bought = await rent(buyer)
        [row] = await alarms(buyer, "purchase.overcharged")
        count = counted(bank, "purchase.overcharged")

    assert bought.status == 201
    assert row["data"]["id"] == bought.json["id"]
    assert (row["details"]["reserved"], row["details"]["charged"]) == ("0.55", "0.75")
    assert count == 1


async def test_a_budget_is_told_at_80_and_100_percent_and_not_for_what_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("json", "info")
    async with open_bank(new_database()) as bank:
        key = await bank.key(budget_total=Decimal("2.75"))  # five rentals
        buyer, admin = bank.holder(key), await bank.with_key(admin=True)
        await rent_many(buyer, 3)
        for _ in range(3):
            await buyer.post("/v1/rentals", {"service_code": "rare"})  # sold out
        below = await alarms(buyer)
        async with listening_to(admin) as stream:
            await rent(buyer)
            created, told = await stream.event(), await stream.event()
        await rent(buyer)
        refused = await rent(buyer)
        rows = await alarms(buyer)
        seen = await alarms(admin)

    assert below == []
    assert refused.json["code"] == "budget_exceeded"
    assert (created.kind, told.kind) == ("rental.created", "key.budget_reached")
    assert rows == seen
    assert [(row["details"]["percent"], row["details"]["spent"]) for row in rows] == [
        (100, "2.75"), (80, "2.20"),
    ]  # fmt: skip
    assert told.data == rows[1]["details"]
    assert rows[0]["data"] is None
    assert details(rows[0]).keys() == {
        "key_id", "key_name", "limit", "percent", "spent", "budget",
    }  # fmt: skip
    assert key not in json.dumps(rows)
    assert OWN not in json.dumps(rows)
    assert [(line["percent"], line["key_name"]) for line in logged(capsys)] == [
        (80, "a test"), (100, "a test"),
    ]  # fmt: skip


async def test_ten_purchases_at_once_on_two_nodes_tell_each_crossing_once(store_url: str) -> None:
    async with open_bank(store_url) as bank:
        key = await bank.key(budget_total=Decimal("5.50"), budget_day=Decimal("11.00"))
        async with two_clients(bank.sim.url, store_url, key) as (one, other):
            answers = await asyncio.gather(rent_many(one, 5), rent_many(other, 5))
            rows = await alarms(other)

    assert [answer.status for some in answers for answer in some] == [201] * 10
    assert [(row["details"]["limit"], row["details"]["percent"]) for row in rows] == [
        ("total", 100), ("total", 80),
    ]  # fmt: skip


Step = Callable[[Client, int], Awaitable[Any]]
TELL: list[tuple[str, Step, str]] = [  # name, what is called, the balance after 49 dollars
    ("rent", lambda client, _: rent(client), "48.45"),
    ("rent again", lambda client, id: client.post(f"/v1/rentals/{id}/rent-again"), "48.45"),
    ("status", lambda client, id: client.get(f"/v1/rentals/{id}"), "49.00"),
    ("cancel", lambda client, id: client.post(f"/v1/rentals/{id}/cancel"), "49.55"),
    ("balance", lambda client, _: client.get("/v1/balance"), "49.00"),
]


@pytest.mark.parametrize(("step", "left"), [row[1:] for row in TELL], ids=[row[0] for row in TELL])
async def test_each_call_that_tells_the_balance_tells_that_it_is_low(
    step: Step, left: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("json", "info")
    async with open_bank(new_database(), **LOW) as bank:
        limited = await bank.with_key(budget_total=Decimal(5))
        owner, admin = bank.holder(OWN), await bank.with_key(admin=True)
        first = (await rent(owner)).json["id"]
        await judged(bank)
        assert await alarms(admin) == []
        set_balance(bank, "49.00")
        await step(owner, first)
        await judged(bank)
        [row] = await alarms(admin)
        mine, others = await alarms(owner), await alarms(limited)
        metrics = bank.running.gateway.metrics.render().decode()

    assert details(row) == {"balance": left, "threshold": "50.00"}
    assert row["data"] is None
    assert (mine, others) == ([row], [])
    [line] = logged(capsys)
    assert (line["type"], line["balance"]) == ("balance.low", left)
    assert f"getatext_gateway_balance_dollars {float(left)}" in metrics


async def test_who_sees_the_account_hears_of_a_low_balance_on_the_stream() -> None:
    async with open_bank(new_database(), **LOW) as bank:
        limited, admin = await bank.with_key(max_price=Decimal(5)), await bank.with_key(admin=True)
        set_balance(bank, "7.00")
        async with listening_to(admin) as stream, listening_to(limited) as silent:
            await admin.get("/v1/balance")
            told = await stream.event()
            await rent(limited)
            heard = await silent.event()
        [row] = await alarms(admin)

    assert (told.kind, told.data) == ("balance.low", row["details"])
    assert heard.kind == "rental.created"


async def test_it_is_told_again_only_after_a_rise_also_over_a_restart() -> None:
    url, told = new_database(), []
    async with open_bank(url) as provider:
        for amount in ("49.00", "30.00", "60.00", "50.00", "49.99"):
            set_balance(provider, amount)
            async with open_bank(url, provider.sim, **LOW) as bank:
                await bank.holder(OWN).get("/v1/balance")
                await judged(bank)
                told = await alarms(bank.holder(OWN))

    assert [row["details"]["balance"] for row in told] == ["49.99", "49.00"]


async def test_the_own_account_is_asked_at_the_start_though_nobody_calls() -> None:
    async with open_bank(new_database()) as provider:
        set_balance(provider, "1.00")
        async with open_bank(new_database(), provider.sim, **LOW) as bank:
            admin = await bank.with_key(admin=True)

            async def told() -> bool:
                return bool(await alarms(admin))

            await until(told)


async def test_a_callers_own_account_is_told_to_that_caller_alone() -> None:
    async with open_bank(new_database(), **LOW) as bank:
        set_balance(bank, "3.00", DEMO_KEY)
        guest, admin = bank.holder(DEMO_KEY), await bank.with_key(admin=True)
        await rent(guest)
        await judged(bank)
        [row] = await alarms(guest)
        seen = await alarms(admin)

    assert row["details"]["balance"] == "2.45"
    assert seen == []


async def test_without_the_setting_no_balance_is_low_or_asked_for() -> None:
    async with open_bank(new_database()) as bank:
        set_balance(bank, "1.00")
        owner = bank.holder(OWN)
        await rent(owner)

        assert await alarms(owner) == []
        assert bank.sim.journal.calls["balance"] == 0
        assert "balance_dollars 0.45" in bank.running.gateway.metrics.render().decode()


async def test_what_falls_while_the_ledger_is_away_is_told_once_it_is_back() -> None:
    async with open_bank(new_database(), **LOW) as bank:
        owner = bank.holder(OWN)
        first = (await rent(owner)).json["id"]
        await judged(bank)
        set_balance(bank, "2.00")
        async with locked(bank):
            assert (await owner.get(f"/v1/rentals/{first}")).json["balance"] == "2.00"
            await judged(bank)

        async def told() -> bool:
            await owner.get(f"/v1/rentals/{first}")
            return len(await alarms(owner)) == 1

        await until(told)


async def test_the_alarms_of_a_day_are_listed_by_type(store_url: str) -> None:
    begun = datetime.now(UTC)
    async with open_bank(store_url, **LOW) as bank:
        buyer = await bank.with_key(budget_total=Decimal("0.60"), admin=True)
        bank.sim.script(LOST)
        set_balance(bank, "2.00")
        await rent(buyer)
        await buyer.get("/v1/balance")
        await judged(bank)
        by_type = {type: await alarms(buyer, type) for type in ALARMS}

    assert {type: len(rows) for type, rows in by_type.items()} == {
        "purchase.outcome_unknown": 1,
        "purchase.overcharged": 0,
        "key.budget_reached": 1,
        "balance.low": 1,
    }
    for rows in by_type.values():
        for row in rows:
            assert datetime.fromisoformat(row["timestamp"]) > begun.replace(microsecond=0)
