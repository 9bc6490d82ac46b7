"""Answers lost upstream: a repeated purchase must not pay twice, a lost change says that it is."""

from collections.abc import Awaitable, Callable

import pytest

from adapters.simulator import DEMO_KEY, Fault, FaultKind
from tests.faces.support import QUIET, Tool
from tests.support.contract import Answer
from tests.support.gateway import ScriptedStand, Stand, run_gateway, run_scripted, run_simulated
from tests.support.samples import ASKS
from tests.support.scripted import Act, Said, reply

Ask = Callable[[Stand], Awaitable[Answer]]


async def php(stand: Stand) -> Answer:
    return await stand.client.ask(
        "GET", f"/stubs/handler_api.php?api_key={DEMO_KEY}&action=getNumber&service=wa", key=None
    )


async def stub(stand: Stand) -> Answer:
    return await stand.client.ask(
        "GET", f"/stubs/handler_api?api_key={DEMO_KEY}&action=getNumber&service=whatsapp", key=None
    )


async def v1(stand: Stand) -> Answer:
    headers = {"Auth": DEMO_KEY}
    body = {"service": "whatsapp"}
    return await stand.client.post("/api/v1/rent-a-number", body, key=None, headers=headers)


def is_lost(answer: Answer) -> bool:
    return answer.status == 409 or answer.body == b"ERROR_SQL"


def rental_of(answer: Answer) -> int:
    text = answer.body.decode()
    return int(text.split(":")[1]) if text.startswith("ACCESS_NUMBER") else int(answer.json["id"])


@pytest.mark.parametrize("ask", [php, stub, v1], ids=lambda ask: ask.__name__)
async def test_it_is_not_sent_again_and_what_turns_up_is_handed_out_once(ask: Ask) -> None:
    async with run_simulated() as stand:
        stand.sim.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
        answers = [await ask(stand) for _ in range(3)]
        (bought,) = stand.sim.books.rentals
        await stand.client.get(f"/v1/rentals/{bought}")
        found, another = await ask(stand), await ask(stand)

    assert all(is_lost(answer) for answer in answers)
    assert rental_of(found) == bought
    assert rental_of(another) == bought + 1


async def test_the_same_order_is_known_on_every_face_and_others_are_not_held_up() -> None:
    async with run_simulated() as stand:
        stand.sim.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
        lost, same = await v1(stand), await php(stand)
        headers = {"Auth": DEMO_KEY}
        body = {"service": "whatsapp", "max_price": 5}
        other = await stand.client.post("/api/v1/rent-a-number", body, key=None, headers=headers)

    assert is_lost(lost)
    assert is_lost(same)
    assert other.status == 201
    assert len(stand.sim.books.rentals) == 2


async def test_a_setting_turns_it_off() -> None:
    async with run_simulated(gateway_redelivery_seconds=0) as stand:
        stand.sim.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
        lost, again = await php(stand), await php(stand)

    assert is_lost(lost)
    assert again.body.startswith(b"ACCESS_NUMBER:")


LOST = "The request was sent to the provider and its answer was lost: it may have gone through. "
CHANGES = ["complete_rental", "cancel_long_rental", "set_auto_renew"]
changes = pytest.mark.parametrize("name", CHANGES)
HTML = "<html><title>502 Bad Gateway</title></html>"
ANSWERS: list[tuple[str, Said, int, str]] = [
    ("dropped", Act.DROP, 503, "upstream_unavailable"),
    ("a proxy's", reply(502, HTML, "text/html"), 502, "upstream_error"),
    ("a failure", reply(500, {"errors": "Server Error"}), 502, "upstream_error"),
    ("unreadable", reply(200, "<html></html>"), 502, "upstream_bad_response"),
    ("about another", reply(200, {"id": 7, "status": "success"}), 502, "upstream_bad_response"),
    ("empty", reply(200, ""), 502, "upstream_bad_response"),
]


async def change(stand: ScriptedStand, name: str) -> Answer:
    ask = ASKS[name]
    return await stand.client.ask(ask.method, ask.path, json=ask.json)


SILENT = ("none in time", Act.HANG, 504, "upstream_timeout")
EACH = [(name, row) for name in CHANGES for row in ANSWERS] + [("complete_rental", SILENT)]


@pytest.mark.parametrize(("name", "row"), EACH, ids=[f"{name}: {row[0]}" for name, row in EACH])
async def test_a_change_whose_answer_was_lost_says_so(
    name: str, row: tuple[str, Said, int, str]
) -> None:
    _, said, status, code = row
    async with run_scripted(getatext_read_seconds=10) as stand:
        stand.provider.script.append(said)
        answer = await change(stand, name)

    told = answer.json
    assert (answer.status, told["code"]) == (status, code)
    assert told["detail"].startswith(f"{LOST}Nothing was charged. Read the rental with get_rental ")
    assert (told["charged"], told["retryable"]) == ("no", True)
    assert len(stand.provider.asked) == 1


@changes
async def test_a_change_that_was_not_sent_does_not_say_so(name: str) -> None:
    async with run_scripted() as gone:
        url = gone.provider.url
    async with run_gateway(url) as running:
        ask = ASKS[name]
        answer = await running.client.ask(ask.method, ask.path, json=ask.json)

    assert (answer.status, answer.json["code"]) == (503, "upstream_unavailable")
    assert answer.json["detail"] == (
        "The provider cannot be reached: it refuses connections. Nothing was charged. "
        "Try again later."
    )


@pytest.mark.parametrize(
    "said", [reply(503, {"errors": "Service is under maintenance"}), reply(429, {"errors": "Many"})]
)
async def test_a_refusal_that_can_be_read_is_no_lost_answer(said: bytes) -> None:
    async with run_scripted() as stand:
        stand.provider.script.append(said)
        answer = await change(stand, "complete_rental")

    assert "lost" not in answer.json["detail"]


async def test_a_lost_cancellation_is_looked_for_past_what_was_read_before() -> None:
    async with run_simulated(QUIET, gateway_status_cache_seconds=60) as stand:
        rented = await stand.client.post("/v1/rentals", {"service_code": "whatsapp"})
        path = f"/v1/rentals/{rented.json['id']}"
        before = await stand.client.get(path)
        stand.sim.script(Fault("cancel-rental", FaultKind.DROP_AFTER))
        lost = await stand.client.post(f"{path}/cancel")
        after = await stand.client.get(path)

    assert (before.json["status"], after.json["status"]) == ("active", "cancelled")
    assert (lost.status, lost.json["status"]) == (200, "cancelled")


async def test_a_tool_repeats_a_lost_cancellation_and_is_told_that_it_was_made() -> None:
    async with run_simulated(QUIET) as stand:
        tool = Tool(stand.client, stand.sim)
        rental_id, _ = await tool.buy()
        stand.sim.script(Fault("cancel-rental", FaultKind.DROP_AFTER))
        words = [await tool.text("setStatus", id=rental_id, status=8) for _ in range(2)]

    assert words == ["ERROR_SQL", "ACCESS_CANCEL"]
    assert stand.sim.books.accounts[DEMO_KEY].balance == 100


async def test_the_providers_own_api_tells_of_a_lost_cancellation() -> None:
    async with run_simulated(QUIET) as stand:
        bought = rental_of(await v1(stand))
        headers = {"Auth": DEMO_KEY}
        stand.sim.script(Fault("cancel-rental", FaultKind.DROP_AFTER))
        lost = await stand.client.post(
            "/api/v1/cancel-rental", {"id": bought}, key=None, headers=headers
        )
        read = await stand.client.post(
            "/api/v1/rental-status", {"id": bought}, key=None, headers=headers
        )

    assert (lost.status, lost.json["errors"].startswith(LOST)) == (503, True)
    assert read.json["status"] == "cancelled"
