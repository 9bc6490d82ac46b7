"""A read that is asked again with the same head is answered, counted and logged as the first."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDictProxy

from adapters.simulator import DEMO_KEY, Rules
from gateway.core.model.callers import Limits
from gateway.core.operations.call import CallNote
from gateway.http.serving.app import EDGE
from gateway.http.wire.known_reads import KnownRead, KnownReads, Repeat
from tests.support.gateway import USUAL, Client, Stand, run_simulated
from tests.support.keys import make_key
from tests.support.money import RENT
from tests.support.waiting import until

PRICES = "/v1/prices?limit=1000"
BALANCE = "/v1/balance"
MOMENT = {"date", "age", "x-request-id"}
PATHS = pytest.mark.parametrize("path", [PRICES, BALANCE])


@pytest.fixture
async def quick() -> AsyncIterator[Stand]:
    """One that answers a rental's status from memory for a minute."""
    config = replace(USUAL, rules=Rules(cancel_locked=0.0))
    async with run_simulated(config, gateway_status_cache_seconds=60) as stand:
        yield stand


def lasting(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    """The headers but for what belongs to the moment."""
    return {name: value for name, value in headers.items() if name.lower() not in MOMENT}


async def count(client: Client, *lines: str) -> list[float]:
    """What the metrics say in these lines."""
    text = (await client.get("/metrics")).body.decode()
    told = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return [float(told.get(f"getatext_gateway_{line}", 0)) for line in lines]


@PATHS
@pytest.mark.parametrize("origin", [{}, {"Origin": "https://shop.example"}])
async def test_it_is_the_same_answer_under_a_name_of_its_own(
    stand: Stand, path: str, origin: dict[str, str]
) -> None:
    first, *again = [await stand.client.ask("GET", path, headers=origin) for _ in range(4)]

    assert {each.status for each in again} == {200}
    assert {each.body for each in again} == {first.body}
    assert all(lasting(each.headers) == lasting(first.headers) for each in again)
    assert ("Access-Control-Allow-Origin" in first.headers) is bool(origin)
    assert len({each.headers["X-Request-Id"] for each in (first, *again)}) == 4


async def test_who_has_the_list_is_told_so_again_and_others_get_it(stand: Stand) -> None:
    etag = (await stand.client.get(PRICES)).headers["ETag"]
    known = {"If-None-Match": etag}
    statuses = [(await stand.client.ask("GET", PRICES, headers=known)).status for _ in range(3)]

    assert statuses == [304, 304, 304]
    assert (await stand.client.get(PRICES)).status == 200


@pytest.mark.parametrize(("path", "operation"), [(PRICES, "list_prices"), (BALANCE, "get_balance")])
async def test_each_is_counted(stand: Stand, path: str, operation: str) -> None:
    lines = (
        'http_requests_total{face="rest",status="200"}',
        f'operations_total{{operation="{operation}",outcome="ok"}}',
        f'http_request_duration_seconds_count{{operation="{operation}"}}',
    )
    await stand.client.get(path)
    before = await count(stand.client, *lines)
    for _ in range(3):
        await stand.client.get(path)
    after = await count(stand.client, *lines)

    assert [now - then for now, then in zip(after, before, strict=True)] == [3, 3, 3]


async def test_a_trace_id_of_the_callers_is_its_own_each_time(stand: Stand) -> None:
    for own in ("one", "two", "two"):
        answer = await stand.client.ask("GET", PRICES, headers={"X-Request-Id": own})
        assert answer.headers["X-Request-Id"] == own


async def test_other_words_of_the_head_are_another_read(stand: Stand) -> None:
    for _ in range(2):
        assert (await stand.client.get(PRICES)).status == 200

    assert (await stand.client.ask("GET", PRICES, key=None)).status == 401
    assert (await stand.client.ask("GET", PRICES, key="0" * 32)).status == 401
    assert (await stand.client.ask("HEAD", PRICES)).body == b""


async def test_a_key_that_has_ended_reads_no_more() -> None:
    async with run_simulated(getatext_api_key=DEMO_KEY) as own:
        key = await make_key(own.gateway, "ends", Limits(admin=True))
        for _ in range(3):
            assert (await own.client.ask("GET", PRICES, key=key)).status == 200
        made = await own.gateway.keys.find(own.gateway.hasher.name(key))
        assert made is not None
        await own.gateway.keys.revoke(made.id, made.created_at)

        async def refused() -> bool:
            return (await own.client.ask("GET", PRICES, key=key)).status == 401

        await until(refused)


async def test_a_draining_gateway_closes_the_connection_behind_it(stand: Stand) -> None:
    for _ in range(2):
        await stand.client.get(PRICES)
    stand.app[EDGE].draining = True

    assert (await stand.client.get(PRICES)).headers["Connection"] == "close"


async def test_the_same_head_in_an_older_version_is_answered_as_such(stand: Stand) -> None:
    head = f"GET {PRICES} HTTP/1.%d\r\nHost: here\r\nX-API-Key: {DEMO_KEY}\r\n\r\n"
    host, port = stand.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write((head % 1 + head % 1 + head % 0).encode())
    async with asyncio.timeout(60):
        answers = await reader.read()
    writer.close()

    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert answers.count(b"HTTP/1.0 200 OK") == 1


async def test_a_rental_that_changes_is_told_as_it_is_now(quick: Stand) -> None:
    rental = (await quick.client.post("/v1/rentals", RENT)).json["id"]
    path = f"/v1/rentals/{rental}"
    told = [(await quick.client.get(path)).json["status"] for _ in range(3)]
    await quick.client.post(f"{path}/cancel")

    assert told == ["active"] * 3
    assert (await quick.client.get(path)).json["status"] != "active"


async def test_a_tool_that_polls_hears_of_its_code(stand: Stand) -> None:
    rental = (await stand.client.post("/v1/rentals", RENT)).json["id"]
    path = f"/stubs/handler_api.php?api_key={DEMO_KEY}&action=getStatus&id={rental}"
    told = [(await stand.client.ask("GET", path, key=None)).body for _ in range(4)]
    stand.sim.receive_code(rental, "012345")

    async def has_it() -> bool:
        return (await stand.client.ask("GET", path, key=None)).body == b"STATUS_OK:012345"

    await until(has_it)
    assert told == [b"STATUS_WAIT_CODE"] * 4


def request(path: str, headers: dict[str, str] | None = None, method: str = "GET") -> web.Request:
    return make_mocked_request(method, path, headers or {"X-API-Key": "k"})


async def _handle(_request: web.Request) -> web.Response:
    return web.Response()


KNOWN = KnownRead(Repeat(_handle), "rest", "/v1/prices", CallNote(), ())


@pytest.mark.parametrize(
    ("headers", "method"),
    [
        ({"X-Request-Id": "a"}, "GET"),
        ({"Content-Length": "2"}, "GET"),
        ({"Transfer-Encoding": "chunked"}, "GET"),
        ({"Expect": "100-continue"}, "GET"),
        ({"Upgrade": "websocket"}, "GET"),
        ({"X-Long": "a" * 2048}, "GET"),
        ({}, "POST"),
    ],
)
def test_what_is_more_than_its_head_or_comes_once_is_not_kept(
    headers: dict[str, str], method: str
) -> None:
    reads, asked = KnownReads(), request("/v1/prices", headers, method)
    reads.keep(asked, KNOWN)

    assert reads.find(asked) is None


def test_so_many_are_kept_and_the_oldest_is_dropped() -> None:
    reads = KnownReads()
    for number in range(5000):
        reads.keep(request(f"/v1/rentals/{number}"), replace(KNOWN, path=str(number)))
    found = [reads.find(request(f"/v1/rentals/{number}")) for number in range(5000)]

    assert sum(each is not None for each in found) == 4096
    assert found[903] is None
    assert found[904] is not None
    assert found[-1] is not None
