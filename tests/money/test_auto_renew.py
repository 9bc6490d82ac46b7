"""Switching a long rental's automatic renewal on is allowed or refused as renewing it is."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.support.contract import Answer
from tests.support.gateway import Client, new_database
from tests.support.money import OWN, Bank, open_bank, rent

UPDATE = "/api/v1/long-rentals/{}/update"
LIMITED: list[dict[str, Any]] = [
    {"max_price": Decimal(100)},
    {"budget_day": Decimal(100)},
    {"budget_total": Decimal(100)},
    {"services": frozenset({"whatsapp"})},
    {"services": frozenset({"whatsapp"}), "long_rentals": True},
]
limited = pytest.mark.parametrize("limits", LIMITED, ids=", ".join)


async def v1(holder: Client, rental_id: int, action: str, **given: Any) -> Answer:
    return await holder.post(f"/v1/long-rentals/{rental_id}/{action}", given or None)


async def drop_in(holder: Client, rental_id: int, action: str, **given: Any) -> Answer:
    body = {"action": action.replace("-", "_"), **given}
    return await holder.ask(
        "POST",
        UPDATE.format(rental_id),
        key=None,
        headers={"Auth": holder.key or ""},
        json=body,
    )


Face = Callable[..., Awaitable[Answer]]
faces = pytest.mark.parametrize("face", [v1, drop_in], ids=["v1", "api/v1"])


def told(answer: Answer) -> tuple[int, Any]:
    """What a refusal says, but for the trace."""
    said = answer.json
    return answer.status, {name: said[name] for name in said if name != "trace_id"}


async def long_rental(bank: Bank) -> int:
    """Of the server's own account."""
    made = await bank.holder(OWN).post("/v1/long-rentals", {"period": "1w"})
    made_id: int = made.json["id"]
    return made_id


def switched(bank: Bank, rental_id: int) -> bool:
    return bank.sim.books.long_rentals[rental_id].auto_renew


@faces
@limited
async def test_a_key_that_may_not_renew_may_not_switch_it_on_but_off(
    bank: Bank, face: Face, limits: dict[str, Any]
) -> None:
    rental_id = await long_rental(bank)
    holder = await bank.with_key(**limits, admin=True)
    renewed = await face(holder, rental_id, "renew")
    on = await face(holder, rental_id, "auto-renew", auto_renew=True)
    asked = len(bank.sim.journal.received)
    off = await face(holder, rental_id, "auto-renew", auto_renew=False)

    assert renewed.status >= 400
    assert told(on) == told(renewed)
    assert not switched(bank, rental_id)
    assert (off.status, len(bank.sim.journal.received)) == (200, asked + 1)


@faces
@pytest.mark.parametrize("budget", [0, 100])
async def test_the_gateways_own_budget_refuses_it_as_a_renewal(budget: int, face: Face) -> None:
    async with open_bank(new_database()) as before:
        rental_id = await long_rental(before)
        async with open_bank(new_database(), before.sim, gateway_budget_day=budget) as bank:
            holders = [
                bank.holder(OWN),
                await bank.with_key(admin=True),
                await bank.with_key(admin=True, long_rentals=True, budget_total=Decimal(100)),
            ]
            for holder in holders[: 2 if budget else 3]:
                renewed = await face(holder, rental_id, "renew")
                on = await face(holder, rental_id, "auto-renew", auto_renew=True)

                assert renewed.status in (400, 403)
                assert told(on) == told(renewed)
            on = await face(holders[2], rental_id, "auto-renew", auto_renew=True)

    assert (on.status == 200) is (budget > 0)
    assert switched(before, rental_id) is (budget > 0)


USED_UP: list[dict[str, Any]] = [
    {"budget_total": Decimal("0.55")},
    {"budget_day": Decimal("0.55")},
    {"max_per_day": 1},
]


@pytest.mark.parametrize("limits", USED_UP, ids=lambda limits: next(iter(limits)))
async def test_a_key_that_has_used_up_a_limit_may_not_switch_it_on(
    store_url: str, limits: dict[str, Any]
) -> None:
    async with open_bank(store_url) as bank:
        rental_id = await long_rental(bank)
        holder = await bank.with_key(**limits, long_rentals=True, admin=True)
        before = await v1(holder, rental_id, "auto-renew", auto_renew=True)
        await v1(holder, rental_id, "auto-renew", auto_renew=False)
        bought = await rent(holder)
        ledger = bank.running.gateway.ledger
        spends, spent = await ledger.spends(10), (await holder.get("/v1/balance")).json
        renewed = await v1(holder, rental_id, "renew")
        on = await v1(holder, rental_id, "auto-renew", auto_renew=True)
        spends_after, spent_after = (
            await ledger.spends(10),
            (await holder.get("/v1/balance")).json,
        )

    assert (before.status, bought.status) == (200, 201)
    assert (renewed.json["code"], told(on)) == ("budget_exceeded", told(renewed))
    assert not switched(bank, rental_id)
    assert (spends_after, spent_after) == (spends, spent)  # asking leaves no trace
