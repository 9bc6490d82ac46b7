"""A ledger that cannot be written: nothing is sent, and what was bought is written down later."""

import asyncio
from typing import Any

import pytest

from adapters.simulator import Fault, FaultKind
from adapters.store import Unreachable
from adapters.store.sqlite import database as sqlite
from gateway.core.model.purchases import Intent, SpendState
from gateway.core.rentals import unwritten
from tests.money.outages import locked, read_only
from tests.support.contract import Answer
from tests.support.gateway import new_database
from tests.support.money import PRICE, Bank, open_bank, rent, replayed
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unwritten, "_AGAIN_AFTER", 0.05)
    monkeypatch.setattr(sqlite, "LOCK_SECONDS", 0.2)


def assert_not_sent(answer: Answer) -> None:
    told = answer.json
    assert (answer.status, told["code"]) == (503, "ledger_unavailable")
    assert (told["charged"], told["retryable"]) == ("no", True)
    assert "nothing was sent" in told["detail"]


@pytest.mark.parametrize("trouble", [read_only, locked], ids=lambda made: made.__name__)
async def test_what_cannot_be_written_down_is_not_sent(trouble: Any) -> None:
    async with open_bank(new_database()) as bank:
        async with trouble(bank):
            refused = [await rent(bank.client), await rent(bank.client, "order-1")]
        sent = bank.rents
        made = await rent(bank.client, "order-1")

    for answer in refused:
        assert_not_sent(answer)
    assert sent == 0
    assert (made.status, replayed(made)) == (201, False)


async def test_a_purchase_written_down_without_a_word_holds_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_bank(new_database()) as bank:
        holder = await bank.with_key(budget_total=PRICE, max_active=1)
        ledger = bank.running.gateway.ledger
        with monkeypatch.context() as trouble:
            trouble.setattr(ledger, "begin", wordless(ledger.begin))
            refused = await rent(holder, "order-1")
        await until(lambda: is_in(bank, SpendState.RELEASED))
        made = await rent(holder, "order-1")

    assert_not_sent(refused)
    assert (made.status, replayed(made)) == (201, False)
    assert bank.rents == 1


def wordless(begin: Any) -> Any:
    """The database commits, and its answer is lost on the way."""

    async def lost(intent: Intent) -> None:
        await begin(intent)
        raise Unreachable("its answer was lost")

    return lost


@pytest.mark.parametrize("limits", [{}, {"budget_total": PRICE}], ids=["free", "limited"])
async def test_whether_it_was_bought_before_cannot_be_told_so_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch, limits: dict[str, Any]
) -> None:
    async def away(*asked: Any) -> None:
        raise Unreachable("away")

    async with open_bank(new_database()) as bank:
        holder = await bank.with_key(**limits)
        made = await rent(holder, "order-1")
        with monkeypatch.context() as trouble:
            trouble.setattr(bank.running.gateway.ledger, "by_request", away)
            refused = await rent(holder, "order-1")
        again = await rent(holder, "order-1")

    assert_not_sent(refused)
    assert (again.body, replayed(again)) == (made.body, True)
    assert bank.rents == 1


async def test_who_asks_along_is_answered_although_the_ledger_has_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def away(*asked: Any) -> None:
        raise Unreachable("away")

    async with open_bank(new_database()) as bank:
        bank.sim.script(Fault("rent-a-number", FaultKind.SLOW, seconds=30))
        first = asyncio.ensure_future(rent(bank.client, "order-1"))
        await until(lambda: bank.rents)
        second = asyncio.ensure_future(rent(bank.client, "order-1"))
        ledger: Any = bank.running.gateway.ledger
        await until(lambda: len(bank.running.gateway.invoker._running) == 2)
        monkeypatch.setattr(ledger, "by_request", away)
        bank.sim.release()
        made, along = await first, await second

    assert (made.status, along.status) == (201, 201)
    assert along.json == made.json
    assert bank.rents == 1


async def test_an_end_that_cannot_be_written_is_answered_and_written_later() -> None:
    async with open_bank(new_database()) as bank:
        bank.sim.script(Fault("rent-a-number", FaultKind.SLOW, seconds=30))
        renting = asyncio.ensure_future(rent(bank.client, "order-1"))
        await until(lambda: bank.rents)
        async with read_only(bank):
            bank.sim.release()
            made = await renting
            (before,) = await bank.running.gateway.ledger.spends(9)
        await until(lambda: is_bought(bank))
        again = await rent(bank.client, "order-1")

    assert (made.status, before.state) == (201, SpendState.SENT)
    assert (again.status, again.body, replayed(again)) == (201, made.body, True)
    assert bank.rents == 1


async def is_bought(bank: Bank) -> bool:
    return await is_in(bank, SpendState.BOUGHT)


async def is_in(bank: Bank, state: SpendState) -> bool:
    (spend,) = await bank.running.gateway.ledger.spends(9)
    return spend.state is state
