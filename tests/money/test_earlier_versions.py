"""A purchase that a gateway of an earlier version wrote down is known after the upgrade."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY
from gateway.core.model.purchases import Outcome, SpendState, StoredAnswer, stored_value
from gateway.core.model.values import new_ledger_id
from tests.faces.support import PHP
from tests.support.ledger import bought, intent, rental
from tests.support.money import Bank, open_bank, rent, replayed

Ask = Callable[[Bank], Awaitable[str]]
BEFORE = (
    'rent_number\n{"service_code":"whatsapp","max_price":%s,"carrier":"any","keep_carrier":false,'
    '"area_codes":null,"lock_area_code":false,"number":null}'
)


async def write_down(bank: Bank, price: str, outcome: Outcome, request_id: str | None) -> str:
    """A purchase as the version before wrote it, a moment ago; its ledger_id."""
    gateway, now = bank.running.gateway, datetime.now(UTC) - timedelta(seconds=5)
    caller = await gateway.callers.identify(DEMO_KEY)
    kind = "" if request_id else "\nhanded over"
    asked = intent(
        now,
        ledger_id=new_ledger_id(now),
        account_id=caller.account.id,
        caller_id=caller.id,
        request_id=request_id,
        fingerprint=hashlib.sha256(f"{BEFORE % price}{kind}".encode()).hexdigest(),
    )
    assert await gateway.ledger.begin(asked) is None
    assert await gateway.ledger.mark_sent(asked.ledger_id, now)
    assert await gateway.ledger.settle(asked.ledger_id, outcome, now)
    return asked.ledger_id


WISHES: list[tuple[str, dict[str, Any]]] = [
    ("null", {}),
    ("null", {"carrier": "any", "keep_carrier": False}),
    ('"1.00"', {"max_price": "1.00"}),
    ('"1"', {"max_price": 1}),
    ('"1"', {"max_price": "1.00"}),
    ('"0.55"', {"max_price": 0.55}),
]


@pytest.mark.parametrize(("price", "wish"), WISHES)
async def test_a_request_id_used_before_the_upgrade_gets_its_answer(
    store_url: str, price: str, wish: dict[str, Any]
) -> None:
    value = rental(777)
    async with open_bank(store_url) as bank:
        await write_down(bank, price, bought(value, stored_value(value)), "order-1")
        again = await rent(bank.client, "order-1", **wish)
        other = await rent(bank.client, "order-1", **wish, area_codes="212")

    assert (again.status, again.json["id"], replayed(again)) == (201, 777, True)
    assert other.json["code"] == "request_id_reused"
    assert bank.rents == 0


async def test_an_answer_of_before_is_replayed_byte_for_byte(store_url: str) -> None:
    fields = json.loads(stored_value(rental(777)).body)
    del fields["ended_reason"]  # the version before had none
    body = json.dumps(fields).encode()
    async with open_bank(store_url) as bank:
        done = bought(rental(777), StoredAnswer(200, body))
        await write_down(bank, "null", done, "order-1")
        bank.client.checked = False  # the document is of this version
        again = await rent(bank.client, "order-1")

    assert (again.status, again.body, replayed(again)) == (201, body, True)


async def php(bank: Bank) -> str:
    query = f"api_key={DEMO_KEY}&action=getNumber&service=wa&maxPrice=1.00"
    answer = await bank.client.ask("GET", f"{PHP}?{query}", key=None)
    return answer.body.decode()


async def v1(bank: Bank) -> str:
    answer = await bank.client.ask(
        "POST",
        "/api/v1/rent-a-number",
        key=None,
        headers={"Auth": DEMO_KEY},
        json={"service": "whatsapp", "max_price": "1.00"},
    )
    return answer.body.decode()


FACES = pytest.mark.parametrize(
    ("ask", "price"), [(php, '"1.0000"'), (v1, '"1.00"'), (v1, '"1"')], ids=["php", "v1", "v1, 1"]
)


@FACES
async def test_what_was_not_delivered_before_the_upgrade_is_delivered_after_it(
    store_url: str, ask: Ask, price: str
) -> None:
    value = rental(777)
    async with open_bank(store_url) as bank:
        done = bought(value, stored_value(value))
        ledger_id = await write_down(bank, price, done, None)
        await bank.running.gateway.ledger.mark_undelivered(ledger_id, datetime.now(UTC))
        found, new = [await ask(bank) for _ in range(2)]

    assert "777" in found
    assert "12345" in new
    assert bank.rents == 1


@FACES
async def test_what_was_lost_before_the_upgrade_is_not_bought_after_it(
    store_url: str, ask: Ask, price: str
) -> None:
    async with open_bank(store_url) as bank:
        ledger_id = await write_down(bank, price, Outcome(SpendState.UNKNOWN), None)
        await bank.running.gateway.ledger.mark_undelivered(ledger_id, datetime.now(UTC))
        repeated = await ask(bank)

    assert "ERROR_SQL" in repeated or "outcome of this purchase is unknown" in repeated
    assert bank.rents == 0


async def test_amounts_spelled_otherwise_are_the_same_request_on_every_node(store_url: str) -> None:
    async with open_bank(store_url) as one, open_bank(store_url, one.sim) as other:
        first = await rent(one.client, "order-1", max_price="1.00")
        again = [await rent(other.client, "order-1", max_price=p) for p in (1, 1.0, "1", "1.0000")]
        reused = await rent(other.client, "order-1", max_price="1.01")

    assert {answer.body for answer in again} == {first.body}
    assert reused.json["code"] == "request_id_reused"
    assert one.rents == 1
