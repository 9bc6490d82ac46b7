"""Services that are rented by their names: what is sent, kept and limited is the service's code."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY, Fault, FaultKind, Service
from gateway.core.prices import cache
from tests.support.gateway import new_database, run_scripted
from tests.support.money import CHARGING, Bank, open_bank, rent, replayed
from tests.support.samples import PRICE, RENTED
from tests.support.scripted import Asked, reply

SERVICES = (
    Service("Whatsapp", "whatsapp", Decimal("0.55"), 5, stock=1000),
    Service("Google Voice", "google_voice", Decimal("1.00"), 5, stock=1000),
    Service("Zaptalk", "zap_talk", Decimal("0.70"), 5, stock=1000),
    Service("AT&T", "att_mobile", Decimal("0.30"), 5, stock=1000),
    Service("Mail", "mail_a", Decimal("0.40"), 5, stock=0),
    Service("mail", "mail_b", Decimal("0.45"), 5, stock=7),
)
NAMED = replace(CHARGING, services=SERVICES)
VOICE, NAME = "google_voice", "Google Voice"
LISTS = "prices-info"


@pytest.fixture
async def named() -> AsyncIterator[Bank]:
    async with open_bank(new_database(), config=NAMED) as bank:
        yield bank


def sent(bank: Bank) -> list[str]:
    """The services of all rents that the provider was asked for."""
    return [one["service"] for one in bank.sent]


SPELLED = [
    ("whatsapp", "whatsapp"), ("WhatsApp", "whatsapp"), (" whatsapp ", "whatsapp"),
    (NAME, VOICE), ("google voice", VOICE), ("GOOGLE_VOICE", VOICE), ("At&t", "att_mobile"),
    ("ZapTalk", "zap_talk"),
]  # fmt: skip


@pytest.mark.parametrize("warm", [False, True], ids=["no list known", "list known"])
@pytest.mark.parametrize(("spelled", "code"), SPELLED)
async def test_a_service_is_rented_by_its_name(
    named: Bank, spelled: str, code: str, warm: bool
) -> None:
    if warm:
        await named.client.get("/v1/prices")
    bought = await rent(named.client, service_code=spelled)
    listed = await named.client.get(f"/v1/rentals?service_code={code}")
    events = await named.client.get("/v1/events?type=rental.created")

    assert (bought.status, bought.json["service_code"]) == (201, code)
    assert sent(named) == [code]
    assert [row["service_code"] for row in listed.json["data"]] == [code]
    assert [event["data"]["service_code"] for event in events.json["data"]] == [code]


async def test_a_name_that_looks_like_a_code_is_found_where_a_list_is_known(named: Bank) -> None:
    await named.client.get("/v1/prices")
    bought = await rent(named.client, service_code="zaptalk")

    assert (bought.json["service_code"], sent(named)) == ("zap_talk", ["zap_talk"])


async def test_a_code_costs_no_call_but_the_rent(named: Bank) -> None:
    async with open_bank(new_database(), named.sim, gateway_prices_fresh_seconds=1e-6) as bank:
        unknown = await rent(bank.client, service_code=VOICE)
        before = bank.sim.journal.calls[LISTS]
        await bank.client.get("/v1/prices")
        known = await rent(bank.client, service_code=VOICE)

    assert (unknown.status, before, known.status) == (201, 0, 201)
    assert bank.sim.journal.calls[LISTS] == 1
    assert sent(bank) == [VOICE, VOICE]


async def test_where_the_list_is_known_a_miss_is_never_sent(named: Bank) -> None:
    await named.client.get("/v1/prices")
    missed = await rent(named.client, "order-1", service_code="whatsap")
    bought = await rent(named.client, "order-1", service_code="whatsapp")

    assert (missed.status, missed.json["code"], missed.json["charged"]) == (
        404, "service_not_found", "no",
    )  # fmt: skip
    assert missed.json["candidates"] == [
        {"service_code": "whatsapp", "service_name": "Whatsapp", "price": "0.55", "stock": 1000}
    ]
    assert missed.json["detail"] == (
        "There is no such service. Nothing was charged. Close: whatsapp 0.55. "
        "Take a service_code from list_prices."
    )
    assert "upstream" not in missed.json
    assert bought.status == 201
    assert sent(named) == ["whatsapp"]


async def test_a_name_of_several_services_buys_none(named: Bank) -> None:
    several = await rent(named.client, service_code="MAIL")

    assert several.json["detail"].startswith("2 services have this name. Nothing was charged.")
    assert [each["service_code"] for each in several.json["candidates"]] == ["mail_b", "mail_a"]
    assert named.rents == 0


async def test_what_the_provider_refuses_has_candidates_too_also_when_it_is_repeated(
    named: Bank,
) -> None:
    first, again = [await rent(named.client, "order-1", service_code="whatsap") for _ in range(2)]

    assert first.json["upstream"] == {"status": 404, "message": "Service not found"}
    assert [each["service_code"] for each in first.json["candidates"]] == ["whatsapp"]
    assert "Close: whatsapp 0.55." in first.json["detail"]
    assert again.body == first.body
    assert [replayed(first), replayed(again)] == [False, True]
    assert named.rents == 1


async def test_a_service_that_is_newer_than_the_list_is_rented(
    named: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    await named.client.get("/v1/prices")
    new = {"name": "New One", "price": "0.20", "ttl_minutes": 5}
    named.sim.change(services={"new_one": new, "newer": {**new, "name": "x"}})
    at_once = await rent(named.client, service_code="newer")
    monkeypatch.setattr(cache, "YOUNG", -1.0)  # as if some seconds had passed
    monkeypatch.setattr(cache, "_PATIENCE", 60.0)
    by_code = await rent(named.client, service_code="newer")
    by_name = await rent(named.client, service_code="New One")

    assert at_once.json["code"] == "service_not_found"
    assert [by_code.json["service_code"], by_name.json["service_code"]] == ["newer", "new_one"]


async def test_where_no_list_can_be_read_a_name_goes_to_the_provider_as_it_is(named: Bank) -> None:
    named.sim.script(Fault(LISTS, FaultKind.STATUS, status=500, times=None))
    refused = await rent(named.client, service_code=NAME)

    assert (refused.status, refused.json["code"]) == (404, "service_not_found")
    assert "candidates" not in refused.json
    assert sent(named) == [NAME]


async def test_a_repetition_by_name_gets_the_first_answer_on_any_node(store_url: str) -> None:
    async with (
        open_bank(store_url, config=NAMED) as one,
        open_bank(store_url, one.sim) as other,
    ):
        first = await rent(one.client, "order-1", service_code=NAME)
        again = await rent(other.client, "order-1", service_code=NAME)
        trimmed = await rent(other.client, "order-1", service_code=f" {NAME} ")
        by_code = await rent(one.client, "order-1", service_code=VOICE)
        one.sim.script(Fault(LISTS, FaultKind.DROP_BEFORE, times=None))
        async with open_bank(store_url, one.sim) as third:
            without_list = await rent(third.client, "order-1", service_code=NAME)

    assert first.status == 201
    assert first.body == again.body == trimmed.body == without_list.body
    assert replayed(again)
    assert by_code.json["code"] == "request_id_reused"  # what was given is compared
    assert one.rents == 1


async def test_a_repetition_is_answered_after_the_service_has_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed = [PRICE, {**PRICE, "api_name": VOICE, "service_name": NAME}]

    def answer(asked: Asked) -> bytes:
        if asked.path.endswith(LISTS):
            return reply(200, {"status": "success", "prices": listed})
        return reply(201, RENTED)

    given = {"service_code": NAME, "request_id": "order-1"}
    monkeypatch.setattr(cache, "_PATIENCE", 60.0)
    async with run_scripted(gateway_prices_fresh_seconds=1e-6) as stand:
        stand.provider.always = answer
        first = await stand.client.post("/v1/rentals", given)
        del listed[1:]
        again = await stand.client.post("/v1/rentals", given)
        new = await stand.client.post("/v1/rentals", {**given, "request_id": "order-2"})

    assert (first.status, again.body) == (201, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (new.status, new.json["code"]) == (404, "service_not_found")
    assert [one.json["service"] for one in stand.provider.asked if one.method == "POST"] == [VOICE]


LIMITED: list[tuple[dict[str, Any], str, str | None]] = [
    ({"services": frozenset({VOICE})}, NAME, None),
    ({"services": frozenset({VOICE})}, "GOOGLE_VOICE", None),
    ({"services": frozenset({"whatsapp"})}, NAME, "service_not_allowed"),
    ({"services": frozenset({NAME})}, NAME, "service_not_allowed"),
    ({"max_price": Decimal("1.00")}, NAME, None),
    ({"max_price": Decimal("0.99")}, NAME, "price_too_high"),
    ({"budget_total": Decimal("0.99")}, NAME, "budget_exceeded"),
    ({"budget_total": Decimal("1.00")}, NAME, None),
    ({"max_active": 1}, NAME, None),
    ({"budget_total": Decimal("5.00")}, "zaptalk", None),
    ({"budget_total": Decimal("5.00")}, "zaptalc", "service_not_found"),
    ({"max_active": 1}, "zaptalk", None),
]  # fmt: skip


@pytest.mark.parametrize(("limits", "asked", "refusal"), LIMITED, ids=str)
async def test_a_keys_limits_see_the_service_that_is_meant(
    store_url: str, limits: dict[str, Any], asked: str, refusal: str | None
) -> None:
    async with open_bank(store_url, config=NAMED) as bank:
        holder = await bank.with_key(**limits)
        answer = await rent(holder, service_code=asked)
        kept = (await holder.get("/v1/rentals")).json["data"]

    expected = [] if refusal else [VOICE if asked != "zaptalk" else "zap_talk"]
    assert answer.json.get("code") == refusal
    assert sent(bank) == [row["service_code"] for row in kept] == expected
    if refusal == "service_not_found":
        assert [each["service_code"] for each in answer.json["candidates"]] == ["zap_talk"]


async def test_candidates_are_services_that_the_key_may_rent(named: Bank) -> None:
    holder = await named.with_key(services=frozenset({VOICE}))
    await holder.get("/v1/prices")
    other, own = [await rent(holder, service_code=each) for each in ("whatsap", "googlevoic")]

    assert "candidates" not in other.json
    assert [each["service_code"] for each in own.json["candidates"]] == [VOICE]


async def test_a_blocked_service_is_not_rented_by_its_name(named: Bank) -> None:
    async with open_bank(
        new_database(), named.sim, gateway_blocked_services=[VOICE], gateway_budget_day=100
    ) as bank:
        answers = [await rent(bank.client, service_code=each) for each in (NAME, VOICE, "Whatsapp")]

    assert [answer.json.get("code") for answer in answers] == ["service_not_allowed"] * 2 + [None]


async def test_what_is_blocked_is_no_candidate(named: Bank) -> None:
    async with open_bank(
        new_database(), named.sim, gateway_blocked_services=["Google_Voice"]
    ) as bank:
        await bank.client.get("/v1/prices")
        blocked, other = [
            await rent(bank.client, service_code=each) for each in ("googlevoic", "whatsap")
        ]

    assert [each["service_code"] for each in blocked.json["candidates"]] == ["google"]
    assert [each["service_code"] for each in other.json["candidates"]] == ["whatsapp"]


async def test_a_rental_by_name_is_replaced(named: Bank) -> None:
    first = await rent(named.client, service_code=NAME)
    again = await named.client.post(f"/v1/rentals/{first.json['id']}/replace", {})

    assert (again.status, again.json["service_code"]) == (201, VOICE)
    assert sent(named) == [VOICE, VOICE]


async def test_the_drop_ins_look_services_up_as_before(named: Bank) -> None:
    await named.client.get("/v1/prices")
    own_face = await named.client.ask(
        "POST", "/api/v1/rent-a-number", json={"service": NAME}, headers={"Auth": DEMO_KEY}
    )
    handler = f"/stubs/handler_api.php?action=getNumber&api_key={DEMO_KEY}&service="
    by_name = await named.client.ask("GET", handler + "google%20voice", key=None)
    by_code = await named.client.ask("GET", handler + VOICE, key=None)

    assert own_face.status == 404
    assert own_face.json["errors"] == "Service not found"
    assert by_name.body == b"BAD_SERVICE"
    assert by_code.body.startswith(b"ACCESS_NUMBER:")
    assert sent(named) == [NAME, VOICE]


NO_NAMES = ["", " ", "\t", "a\nb", "a\0b", "\x7f", "x" * 101, 5, ["whatsapp"], None, "\ud800"]


@pytest.mark.parametrize("service", NO_NAMES, ids=repr)
async def test_what_is_no_name_reaches_nobody(named: Bank, service: object) -> None:
    answer = await rent(named.client, service_code=service)

    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert named.rents == named.sim.journal.calls[LISTS] == 0
