"""What is taken beyond the documents, line by line of docs/inputs.md, and what is refused."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import structlog

from gateway.http.documents.face import ADDRESSES
from gateway.http.events.face import PATH as EVENTS
from gateway.http.wire import edge
from gateway.telemetry import logs
from tests.support.contract import Answer
from tests.support.gateway import Client, Stand, run_simulated
from tests.support.samples import ASKS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "inputs.md"
JSON = {"Content-Type": "application/json"}
RENT, PRICES, RENTALS = "POST /v1/rentals", "GET /v1/prices", "GET /v1/rentals"
TOLD_ANEW = {"id", "ledger_id", "number", "balance", "created_at", "ends_at", "fetched_at"}
MARK = "\ufeff"


@pytest.fixture
def logging_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(edge, "log", structlog.get_logger("gateway.http"))
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


class Row(NamedTuple):
    """Two requests that must mean the same; an address is a method and a target."""

    line: str
    plain: tuple[str, str, dict[str, str]]
    lenient: tuple[str, str, dict[str, str]]


def row(
    line: str,
    plain: tuple[str, str],
    lenient: tuple[str, str],
    headers: dict[str, str] | None = None,
) -> Row:
    return Row(line, (*plain, JSON), (*lenient, JSON | (headers or {})))


def rent(**given: Any) -> tuple[str, str]:
    return RENT, json.dumps({"service_code": "whatsapp", **given})


def get(target: str) -> tuple[str, str]:
    return f"GET {target}", ""


AMOUNT = "a number for an amount"
DOLLARS = "`$` before an amount or `USD` after it, as in `$0.55`"
TEXT = "text for a whole number or a flag"
SPACES = "spaces around an amount, a whole number or a flag"
DIGITS = "a whole number for `request_id`, `reference`, `area_codes` or `number`"
NAME = (
    "a service's name for the `service_code` of `rent_number`, in any case, and its code in "
    "another case"
)
AROUND = "spaces around it"
CARRIER = (
    "a carrier's name in any case and with spaces, points, dashes, `_` or `&` anywhere in it, or "
    "`TMO`, `VZ`, `VZW`"
)
AREAS = (
    "spaces, `;` or `/` between area codes, brackets around one, `+1` or `1-` before it, as in "
    "`(212) +1 646`"
)
NUMBER = "spaces, points, dashes and slashes in a `number`, brackets around its area code"
AREA_LIST = 'a list of area codes, as numbers or as text, such as `[212, "646"]`; an empty one'
BLANK = '`null` or `""` for an optional input'
LIMIT = "0 for `limit`"
DATE = "a date for `since`, `until` or `after`, such as `2026-11-29`"
NAIVE = "a time without a zone, such as `2026-11-29T14:30`"
PLUS = "a space for the `+` of a time's zone, as a query has it where it was not escaped"
REFERENCE = "spaces around a `reference`, control characters in it, a blank one"
EVENT_ID = "a number for an event's id"
PATH = "an input of the path once more, with the same value"
HEADER = "the header `Idempotency-Key`"
MEDIA = "a media type that ends in `+json`"
BOM = "a byte order mark before the body"
SLASH = "a slash at the end of the path"
EMPTY = dict.fromkeys(("max_price", "carrier", "keep_carrier", "area_codes", "number"), "")
NULLS: dict[str, Any] = dict.fromkeys((*EMPTY, "lock_area_code", "request_id"))
FULL = {"carrier": "verizon", "keep_carrier": True, "area_codes": "212", "lock_area_code": True}
LARGE = 2**64 + 1
SPELLED = [
    ("at&t", "AT&T"), ("at&t", "att"), ("at&t", "A.T. & T"), ("tmobile", "T-Mobile"),
    ("tmobile", "t mobile"), ("tmobile", "TMO"), ("verizon", " Verizon "), ("verizon", "vz"),
    ("verizon", "VZW"), ("any", "ANY"),
]  # fmt: skip

TAKEN = [
    row(AMOUNT, rent(max_price="0.55"), rent(max_price=0.55)),
    row(AMOUNT, rent(max_price="1.00", request_id="a"), rent(max_price=1, request_id="a")),
    row(AMOUNT, rent(max_price="1.00", request_id="a"), rent(max_price=1.0, request_id="a")),
    row(DOLLARS, rent(max_price="0.56"), rent(max_price="$0.56")),
    row(DOLLARS, rent(max_price="0.56", request_id="a"),
        rent(max_price="0.56 USD", request_id="a")),
    row(DOLLARS, get("/v1/prices?max_price=0.56"), get("/v1/prices?max_price=$0.56")),
    row(TEXT, rent(**FULL), rent(**{**FULL, "keep_carrier": "true", "lock_area_code": "True"})),
    row(SPACES, rent(max_price="2"), rent(max_price=" 2 ", keep_carrier=" false ")),
    row(SPACES, get("/v1/prices?limit=3"), get("/v1/prices?limit=%203%20")),
    row(DIGITS, rent(request_id="4711"), rent(request_id=4711)),
    row(DIGITS, rent(request_id=str(LARGE)), rent(request_id=LARGE)),
    row(DIGITS, rent(reference="4711"), rent(reference=4711)),
    row(DIGITS, rent(area_codes="212", request_id="a"), rent(area_codes=212, request_id="a")),
    *(row(NAME, rent(service_code="instagram/threads"), rent(service_code=spelled))
      for spelled in ("Instagram/Threads", "INSTAGRAM/threads")),
    row(NAME, rent(), rent(service_code="WhatsApp")),
    row(AROUND, rent(), rent(service_code=" whatsapp ")),
    row(AROUND, rent(), rent(service_code="\tWhatsApp\n")),
    row(AROUND, rent(request_id="a"), rent(service_code=" whatsapp ", request_id="a")),
    *(row(CARRIER, rent(carrier=name), rent(carrier=spelled)) for name, spelled in SPELLED),
    row(CARRIER, rent(carrier="at&t", request_id="a"), rent(carrier="AT&T", request_id="a")),
    row(AREAS, rent(area_codes="212,646"), rent(area_codes="(212) +1 646")),
    row(AREAS, rent(area_codes="212,646"), rent(area_codes="1-212;646/")),
    row(AREAS, rent(area_codes="212", request_id="a"), rent(area_codes="(212)", request_id="a")),
    row(NUMBER, get("/v1/rentals?number=%2B14104287665"),
        get("/v1/rentals?number=(410)%20428-7665")),
    row(NUMBER, rent(number="+14104287665", request_id="a"),
        rent(number="410.428/7665", request_id="a")),
    row(AREA_LIST, rent(area_codes="212,646"), rent(area_codes=[212, "(646)"])),
    row(AREA_LIST, rent(area_codes="212,646", request_id="a"),
        rent(area_codes=["212 646"], request_id="a")),
    row(AREA_LIST, rent(), rent(area_codes=[])),
    row(BLANK, rent(), rent(**EMPTY)),
    row(BLANK, rent(), rent(**NULLS)),
    row(BLANK, rent(request_id="a"), rent(request_id="a", **EMPTY, lock_area_code=None)),
    row(BLANK, get("/v1/prices"), get("/v1/prices?query=&max_price=&sort=&limit=&in_stock=")),
    row(BLANK, get("/v1/rentals"), get("/v1/rentals?status=&service_code=&number=&cursor=")),
    row(BLANK, get("/v1/rentals"), get("/v1/rentals?status=any")),
    row(BLANK, get("/v1/events"), get("/v1/events?type=&rental_id=&after_id=&limit=&cursor=")),
    row(LIMIT, get("/v1/prices"), get("/v1/prices?limit=0")),
    row(LIMIT, get("/v1/rentals"), get("/v1/rentals?limit=0")),
    row(LIMIT, get("/v1/events"), get("/v1/events?limit=0")),
    row(DATE, get("/v1/usage?since=2026-11-29T00:00:00Z"), get("/v1/usage?since=2026-11-29")),
    row(DATE, get("/v1/rentals?until=2026-11-29T00:00:00Z"), get("/v1/rentals?until=2026-11-29")),
    row(DATE, get("/v1/long-rentals/1/messages?after=2026-11-29T00:00:00Z"),
        get("/v1/long-rentals/1/messages?after=2026-11-29")),
    row(BLANK, get("/v1/long-rentals/1/messages"),
        get("/v1/long-rentals/1/messages?wait_seconds=0&after=")),
    row(NAIVE, get("/v1/usage?until=2026-11-29T14:30:00Z"),
        get("/v1/usage?until=2026-11-29T14:30")),
    row(PLUS, get("/v1/usage?since=2026-11-29T14:30:00%2B01:00"),
        get("/v1/usage?since=2026-11-29T14:30:00+01:00")),
    row(REFERENCE, rent(reference="order 17"), rent(reference="  order\t17 ")),
    row(REFERENCE, rent(), rent(reference=" ")),
    row(EVENT_ID, get("/v1/events?after_id=evt_1"), get("/v1/events?after_id=1")),
    row(EVENT_ID, get("/v1/events?cursor=evt_2"), get("/v1/events?cursor=2")),
    row(PATH, get("/v1/rentals/12345"), get("/v1/rentals/12345?rental_id=12345")),
    row(PATH, ("POST /v1/rentals/12345/complete", ""),
        ("POST /v1/rentals/12345/complete", '{"rental_id": 12345}')),
    row(HEADER, rent(request_id="4711"), rent(), {"Idempotency-Key": "4711"}),
    row(MEDIA, rent(), rent(), {"Content-Type": "application/vnd.api+json; charset=utf-8"}),
    row(BOM, rent(max_price="2"), (RENT, MARK + rent(max_price="2")[1])),
    row(BOM, ("POST /v1/rentals/12345/complete", ""), ("POST /v1/rentals/12345/complete", MARK)),
    row(SLASH, rent(max_price="2"), (f"{RENT}/", rent(max_price="2")[1])),
    row(SLASH, get("/v1/prices?limit=3"), get("/v1/prices/?limit=3")),
]  # fmt: skip


async def ask(client: Client, request: tuple[str, str, dict[str, str]]) -> Answer:
    address, body, headers = request
    method, target = address.split(" ")
    return await client.ask(method, target, data=body.encode() or None, headers=headers)


def told(answer: Answer) -> Any:
    """A body without what differs from one purchase to the next."""
    return {name: value for name, value in answer.json.items() if name not in TOLD_ANEW}


@pytest.mark.parametrize("row", TAKEN, ids=lambda row: f"{row.line}: {row.lenient[0]}")
async def test_what_platforms_send_means_what_the_documents_say(stand: Stand, row: Row) -> None:
    await stand.client.post("/v1/rentals", {"service_code": "whatsapp"})
    await stand.client.post("/v1/long-rentals", {"period": "1w"})
    plain = await ask(stand.client, row.plain)
    sent = stand.sim.journal.received[-1].json
    lenient = await ask(stand.client, row.lenient)

    assert plain.status in (200, 201), plain.body
    assert (lenient.status, told(lenient)) == (plain.status, told(plain))
    assert stand.sim.journal.received[-1].json == sent
    if "request_id" in row.plain[1]:
        assert lenient.headers["Idempotency-Replayed"] == "true"
        assert lenient.body == plain.body


async def test_a_name_and_a_code_are_two_purchases(stand: Stand) -> None:
    by_name, by_code = [
        await ask(stand.client, (*rent(service_code=service, request_id="a"), JSON))
        for service in ("WhatsApp", "whatsapp")
    ]

    assert (by_name.status, by_code.json["code"]) == (201, "request_id_reused")


def test_every_line_of_the_document_is_held_by_a_row() -> None:
    beyond = DOCUMENT.read_text(encoding="utf-8").partition("## Refused")[0]
    lines = [line.split(" | ")[0][2:] for line in beyond.splitlines() if line.startswith("| ")]

    assert lines[1:] == list(dict.fromkeys(each.line for each in TAKEN))


@pytest.mark.parametrize("name", ASKS)
async def test_a_slash_at_the_end_leads_to_every_operation(stand: Stand, name: str) -> None:
    await stand.client.post("/v1/rentals", {"service_code": "whatsapp"})
    await stand.client.post("/v1/long-rentals", {"period": "1w"})
    asked = ASKS[name]
    path = asked.path.replace("12344", "12345")
    answer = await stand.client.ask(asked.method, f"{path}/", json=asked.json)

    assert answer.status not in (404, 405), answer.body
    assert not answer.headers.get("Location", "").endswith("/")
    if asked.method == "GET":
        head = await stand.client.ask("HEAD", f"{path}/")
        assert (head.status, head.body) == (200, b"")


async def test_the_log_has_one_path_with_and_without_the_slash(
    capsys: pytest.CaptureFixture[str], logging_as_before: None
) -> None:
    logs.configure("json", "info")
    async with run_simulated(gateway_access_log=True) as stand:
        for path in ("/v1/rentals/12345/complete", "/v1/rentals/12345/complete/", "/v1/nothing/"):
            await stand.client.post(path)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    paths = [line["path"] for line in lines if line["event"] == "request"]

    assert paths == [*["/v1/rentals/{rental_id}/complete"] * 2, "/v1/nothing/"]


@pytest.mark.parametrize("path", ADDRESSES)
async def test_a_slash_at_the_end_leads_to_the_documents(client: Client, path: str) -> None:
    headers = {"Origin": "https://pages.example"}
    plain, slash = [await client.ask("GET", at, headers=headers) for at in (path, f"{path}/")]

    assert (slash.status, slash.body) == (200, plain.body)
    assert slash.headers["ETag"] == plain.headers["ETag"]
    assert slash.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_slash_at_the_end_leads_to_the_events(client: Client) -> None:
    async with (
        asyncio.timeout(60),
        client.session.get(
            f"{client.url}{EVENTS}/", headers={"X-API-Key": client.key or ""}
        ) as stream,
    ):
        assert stream.content_type == "text/event-stream"


@pytest.mark.parametrize(("body", "status"), [('{"service": "whatsapp"}', 201), ("", 404)])
async def test_a_byte_order_mark_does_no_harm_on_the_providers_own_face(
    client: Client, body: str, status: int
) -> None:
    path = "/api/v1/rent-a-number"
    plain, marked = [
        await client.ask("POST", path, data=text.encode(), headers=JSON)
        for text in (body, MARK + body)
    ]

    assert (plain.status, marked.status) == (status, status)
    assert marked.json["errors"] == plain.json["errors"]


@pytest.mark.parametrize("zero", [0, 0.0, -0.0, "0", "0.00", "-0"], ids=repr)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/rentals", {"service_code": "whatsapp"}),
        ("/api/v1/rent-a-number", {"service": "whatsapp"}),
    ],
)
async def test_an_amount_of_0_is_never_no_limit(
    stand: Stand, path: str, body: dict[str, str], zero: object
) -> None:
    answer = await stand.client.post(path, {**body, "max_price": zero})

    assert answer.status == 400
    assert b"max_price: must be more than 0; for no limit leave it out" in answer.body
    assert stand.sim.books.spent == 0
