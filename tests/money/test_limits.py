"""What a gateway key may do: checked before anything is sent, reserved, settled and given back."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.simulator import Fault, FaultKind
from tests.support.contract import Answer
from tests.support.gateway import Client
from tests.support.money import PRICE, Bank, rent


async def balance(holder: Client) -> dict[str, Any]:
    told: dict[str, Any] = (await holder.get("/v1/balance")).json
    return told


async def spent_and_left(holder: Client) -> tuple[str, str | None]:
    told = await balance(holder)
    return told["spent_total"], told["left_total"]


def refusal(answer: Answer) -> tuple[int, str, str]:
    return answer.status, answer.json["code"], answer.json["charged"]


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], tuple[int, str]]] = [
    ("read-only", {"read_only": True}, {}, (403, "forbidden")),
    ("above its price", {"max_price": Decimal("0.54")}, {}, (409, "price_too_high")),
    ("above its price with a carrier", {"max_price": Decimal("0.65")}, {"carrier": "verizon"},
     (409, "price_too_high")),
    ("above its price with an area", {"max_price": Decimal("0.65")}, {"area_codes": "212"},
     (409, "price_too_high")),
    ("another service", {"services": frozenset({"telegram"})}, {}, (403, "service_not_allowed")),
    ("beyond the day", {"budget_day": Decimal("0.54")}, {}, (403, "budget_exceeded")),
    ("beyond the whole", {"budget_total": Decimal("0.54")}, {}, (403, "budget_exceeded")),
    ("no such service", {"max_price": PRICE}, {"service_code": "nothing"},
     (404, "service_not_found")),
]  # fmt: skip


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row[0])
async def test_what_a_key_may_not_do_is_never_sent(bank: Bank, row: Any) -> None:
    _, limits, wish, expected = row
    holder = await bank.with_key(**limits)
    answer = await rent(holder, **wish)

    assert refusal(answer) == (*expected, "no")
    assert bank.rents == 0
    assert (await spent_and_left(holder))[0] == "0.00"


ALLOWED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("just its price", {"max_price": PRICE}, {}),
    ("just its price with a carrier", {"max_price": Decimal("0.66")}, {"carrier": "verizon"}),
    ("just its price with both", {"max_price": Decimal("0.77")},
     {"carrier": "verizon", "area_codes": "212"}),
    ("its service", {"services": frozenset({"whatsapp", "telegram"})}, {}),
    ("the last of the day", {"budget_day": PRICE}, {}),
    ("the last of the whole", {"budget_total": PRICE}, {}),
    ("no limits", {}, {}),
]  # fmt: skip


@pytest.mark.parametrize("row", ALLOWED, ids=lambda row: row[0])
async def test_what_a_key_may_do_goes_through(bank: Bank, row: Any) -> None:
    _, limits, wish = row
    answer = await rent(await bank.with_key(**limits), **wish)

    assert answer.status == 201, answer.body


# The key's limits, the caller's wish; what the provider is sent as the highest price.
CAPS: list[tuple[str, dict[str, Any], dict[str, Any], str | None]] = [
    ("no limits", {}, {}, None),
    ("the caller's alone", {}, {"max_price": "3"}, "3"),
    ("the catalogue's", {"max_price": Decimal(5)}, {}, "0.55"),
    ("with a carrier", {"budget_total": Decimal(5)}, {"carrier": "verizon"}, "0.66"),
    ("with an area", {"budget_day": Decimal(5)}, {"area_codes": "212"}, "0.66"),
    ("with both", {"budget_day": Decimal(5)}, {"carrier": "verizon", "area_codes": "212"}, "0.77"),
    ("the caller's is higher", {"budget_day": Decimal(5)}, {"max_price": "3"}, "0.55"),
    ("the caller's is lower", {"budget_day": Decimal(5)},
     {"max_price": "0.60", "carrier": "verizon"}, "0.60"),
]  # fmt: skip


@pytest.mark.parametrize("row", CAPS, ids=lambda row: row[0])
async def test_the_provider_is_told_the_highest_price(bank: Bank, row: Any) -> None:
    _, limits, wish, most = row
    await rent(await bank.with_key(**limits), **wish)
    (sent,) = bank.sent

    if most is None:
        assert "max_price" not in sent
    else:
        assert Decimal(str(sent["max_price"])) == Decimal(most)


async def test_a_price_that_rose_unseen_costs_no_more_than_was_reserved(bank: Bank) -> None:
    holder = await bank.with_key(budget_total=Decimal(5))
    await holder.get("/v1/prices")
    bank.sim.change(services={"whatsapp": {"price": "4.00"}})
    answer = await rent(holder)

    assert refusal(answer) == (409, "price_too_high", "no")
    assert await spent_and_left(holder) == ("0.00", "5.00")


async def test_a_reservation_gives_way_to_the_price(bank: Bank) -> None:
    holder = await bank.with_key(budget_total=Decimal(5))
    bought = await rent(holder, carrier="verizon", area_codes="999")

    price = Decimal(bought.json["price"])
    assert price == Decimal("0.66")
    assert await spent_and_left(holder) == ("0.66", "4.34")


async def test_a_refusal_gives_the_reservation_back(bank: Bank) -> None:
    holder = await bank.with_key(budget_total=PRICE)
    body = '{"errors": "Service is out of stock"}'
    bank.sim.script(Fault("rent-a-number", FaultKind.STATUS, status=400, body=body))
    refused = await rent(holder)
    left = await spent_and_left(holder)
    bought = await rent(holder)

    assert refused.json["code"] == "out_of_stock"
    assert left == ("0.00", "0.55")
    assert bought.status == 201


async def test_a_refund_gives_the_price_back(bank: Bank) -> None:
    holder = await bank.with_key(budget_total=PRICE, budget_day=PRICE)
    bought = await rent(holder)
    refused = await rent(holder)
    cancelled = await holder.post(f"/v1/rentals/{bought.json['id']}/cancel")
    again = await rent(holder)

    assert refused.json["code"] == "budget_exceeded"
    assert cancelled.json["status"] == "cancelled"
    assert again.status == 201
    assert await spent_and_left(holder) == ("0.55", "0.00")


async def test_a_place_is_free_again_when_a_rental_has_ended(bank: Bank) -> None:
    holder = await bank.with_key(max_active=1)
    bought = await rent(holder)
    refused = await rent(holder)
    await holder.post(f"/v1/rentals/{bought.json['id']}/complete")
    again = await rent(holder)

    assert refusal(refused) == (409, "too_many_active_rentals", "no")
    assert again.status == 201


async def test_renting_again_is_reserved_and_limited_too(bank: Bank) -> None:
    holder = await bank.with_key(budget_total=2 * PRICE)
    bought = await rent(holder)
    again = await holder.post(f"/v1/rentals/{bought.json['id']}/rent-again")
    refused = await holder.post(f"/v1/rentals/{bought.json['id']}/rent-again")

    assert again.status == 201
    assert refusal(refused) == (403, "budget_exceeded", "no")
    assert await spent_and_left(holder) == ("1.10", "0.00")


LIMITED: list[dict[str, Any]] = [
    {"max_price": Decimal(100)},
    {"budget_day": Decimal(100)},
    {"budget_total": Decimal(100)},
]


@pytest.mark.parametrize("limits", LIMITED, ids=lambda limits: next(iter(limits)))
async def test_what_tells_no_price_before_is_refused_to_a_limited_key(
    bank: Bank, limits: dict[str, Any]
) -> None:
    holder = await bank.with_key(**limits)
    answer = await holder.post("/v1/long-rentals", {"period": "1w"})

    assert refusal(answer) == (403, "forbidden", "no")
    assert bank.sim.journal.calls["long-rentals-create"] == 0


@pytest.mark.parametrize("limits", [{}, *LIMITED], ids=lambda limits: next(iter(limits), "none"))
async def test_long_rentals_are_bought_by_a_key_that_may(
    bank: Bank, limits: dict[str, Any]
) -> None:
    holder = await bank.with_key(**limits, long_rentals=bool(limits))
    made = await holder.post("/v1/long-rentals", {"period": "1w"})

    assert made.status == 201
    assert (await balance(holder))["spent_total"] == made.json["price"] == "10.55"


async def test_the_balance_tells_a_keys_spending(bank: Bank) -> None:
    holder = await bank.with_key(budget_day=Decimal(2), budget_total=Decimal(5))
    stranger = await bank.with_key()
    bought = [await rent(holder) for _ in range(2)]
    after_two = await balance(holder)
    await holder.post(f"/v1/rentals/{bought[0].json['id']}/cancel")

    assert after_two == {
        "balance": "98.90",
        "currency": "USD",
        "spent_today": "1.10",
        "spent_total": "1.10",
        "left_today": "0.90",
        "left_total": "3.90",
    }
    assert await balance(holder) == after_two | {
        "balance": "99.45",
        "spent_today": "0.55",
        "spent_total": "0.55",
        "left_today": "1.45",
        "left_total": "4.45",
    }
    assert await spent_and_left(stranger) == ("0.00", None)


async def test_a_providers_key_has_no_limits_and_is_told_what_it_spent(bank: Bank) -> None:
    await rent(bank.client)
    told = await balance(bank.client)

    assert (told["spent_today"], told["left_today"], told["left_total"]) == ("0.55", None, None)


async def test_an_expired_key_opens_nothing(bank: Bank) -> None:
    now = datetime.now(UTC)
    late = await bank.with_key(expires_at=now - timedelta(seconds=1))
    good = await bank.with_key(expires_at=now + timedelta(hours=1))

    assert refusal(await rent(late)) == (401, "unauthorized", "no")
    assert (await rent(good)).status == 201


READS = ["/v1/prices", "/v1/balance", "/v1/rentals", "/v1/long-rentals"]
CHANGES = ["/v1/rentals", "/v1/long-rentals", "/v1/rentals/12345/cancel",
           "/v1/rentals/12345/complete", "/v1/rentals/12345/rent-again",
           "/v1/long-rentals/1/renew", "/v1/long-rentals/1/cancel"]  # fmt: skip


async def test_a_read_only_key_reads_and_changes_nothing(bank: Bank) -> None:
    holder = await bank.with_key(read_only=True, admin=True)
    status_reads = [await holder.get(path) for path in READS]
    changes = [await holder.post(path, {}) for path in CHANGES]

    assert {answer.status for answer in status_reads} == {200}
    assert {refusal(answer) for answer in changes} == {(403, "forbidden", "no")}
    assert not [one for one in bank.sim.journal.received if one.method == "POST"]
