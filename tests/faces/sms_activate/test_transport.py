"""How requests may come, and that every answer is a documented one with HTTP 200."""

import gzip
import time
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import FormData

from gateway.http.wire.inputs import MAX_BODY
from tests.faces.support import JSON, NOBODY, PHP, STUB, TEXT, Tool
from tests.support.contract import Answer

BALANCE = "ACCESS_BALANCE:100.00"
QUERY = "api_key=sk_demo&action=getBalance"


def token(answer: Answer) -> str:
    assert (answer.status, answer.content_type) == (200, TEXT)
    return answer.body.decode()


@pytest.mark.parametrize(
    "target",
    [
        f"{PHP}?{QUERY}",
        f"{PHP}/?{QUERY}",
        f"/{PHP}?{QUERY}",
        f"/{PHP}/?{QUERY}",
        f"{PHP}?{QUERY}&ref=1&whatever=x",
        f"{PHP}?api_key=sk_demo&action%20=getBalance",
        f"{PHP}?api_key+=%20sk_demo%20&action=getBalance+",
        f"{PHP}?action=getPrices&{QUERY}",
        f"{PHP}?{QUERY}&a=%FF%00&%C3%28=1&&=&=;",
        f"{PHP}?{QUERY}#getNumber",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_query_is_read_as_it_comes(tool: Tool, method: str, target: str) -> None:
    assert token(await tool.raw(method, target)) == BALANCE


@pytest.mark.parametrize(
    "more",
    [
        {"data": QUERY, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"data": QUERY, "headers": {"Content-Type": ""}},
        {
            "data": FormData(
                {"api_key": "sk_demo", "action ": "getBalance"}, default_to_multipart=True
            )
        },
    ],
    ids=["form", "no type", "multipart"],
)
async def test_a_form_does_as_well_as_a_query(tool: Tool, more: dict[str, Any]) -> None:
    assert token(await tool.raw("POST", PHP, **more)) == BALANCE


@pytest.mark.parametrize(
    "headers", [{"X-API-Key": "sk_demo"}, {"Auth": "sk_demo"}, {"Authorization": "Bearer sk_demo"}]
)
async def test_the_key_may_stand_in_a_header(tool: Tool, headers: dict[str, str]) -> None:
    assert token(await tool.raw("GET", f"{PHP}?action=getBalance", headers=headers)) == BALANCE


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (PHP, "NO_KEY"),
        (f"{PHP}?action=getBalance", "NO_KEY"),
        (f"{PHP}?action=getBalance&api_key=", "NO_KEY"),
        (f"{PHP}?action=nothing&api_key=%20", "NO_KEY"),
        (f"{PHP}?api_key={NOBODY}&action=getBalance", "BAD_KEY"),
        (f"{PHP}?api_key={NOBODY}&action=getCountries", "BAD_KEY"),
        (f"{PHP}?api_key={NOBODY}&action=getNumber&service=wa", "BAD_KEY"),
        (f"{PHP}?api_key={NOBODY}&action=getStatus&id=1", "BAD_KEY"),
        (f"{PHP}?api_key={NOBODY}&action=setStatus&id=1&status=8", "BAD_KEY"),
        (f"{PHP}?api_key={NOBODY}&action=setStatus&id=1&status=77", "BAD_KEY"),
        (f"{PHP}?api_key={NOBODY}&action=setStatus&id=x&status=8", "BAD_KEY"),
        (f"{PHP}?api_key={NOBODY}&action=setStatus&id=0&status=8", "BAD_KEY"),
        (f"{PHP}?api_key={NOBODY}&action=getStatus&id=x", "BAD_KEY"),
        (f"{PHP}?api_key={NOBODY}&action=getFullSms&id=1", "BAD_KEY"),
        (f"{PHP}?api_key={NOBODY}&action=getPrices&country=0", "BAD_KEY"),
        (f"{PHP}?api_key={NOBODY}&action=getOperators", "BAD_KEY"),
        (f"{PHP}?api_key={NOBODY}&action=getActiveActivations", "BAD_KEY"),
        (f"{PHP}?api_key=gtw_made_up&action=getBalance", "BAD_KEY"),
        (f"{PHP}?api_key={'k' * 300}&action=getBalance", "BAD_KEY"),
        (f"{PHP}?api_key={quote('ключ')}&action=getBalance", "BAD_KEY"),
        (f"{PHP}?api_key=sk_demo", "BAD_ACTION"),
        (f"/{PHP}?api_key=sk_demo", "BAD_ACTION"),
        (f"/{PHP}/?api_key={NOBODY}&action=getBalance", "BAD_KEY"),
        (f"{PHP}?api_key=sk_demo&action=getNothing", "BAD_ACTION"),
        (f"{PHP}?api_key=sk_demo&action=getbalance", BALANCE),
        (f"{PHP}?{QUERY}&{'&'.join(f'a{n}=1' for n in range(200))}", "BAD_ACTION"),
    ],
)
async def test_a_missing_key_a_wrong_key_and_a_wrong_action_have_their_tokens(
    tool: Tool, target: str, expected: str
) -> None:
    assert token(await tool.raw("GET", target)) == expected


async def test_two_different_keys_are_a_wrong_key(tool: Tool) -> None:
    answer = await tool.raw("GET", f"{PHP}?{QUERY}", headers={"Auth": NOBODY})

    assert token(answer) == "BAD_KEY"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
async def test_other_methods_are_a_wrong_action(tool: Tool, method: str) -> None:
    answer = await tool.raw(method, f"{PHP}?api_key=sk_demo&action=getNumber&service=wa")

    assert token(answer) == "BAD_ACTION"
    assert tool.bought == 0


async def test_head_runs_nothing(tool: Tool) -> None:
    answer = await tool.raw("HEAD", f"{PHP}?api_key=sk_demo&action=getNumber&service=wa")

    assert (answer.status, answer.body) == (200, b"")
    assert tool.sim.journal.calls.total() == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"X-Moz": "prefetch"},
        {"X-Purpose": "preview"},
    ],
)
@pytest.mark.parametrize("action", ["getNumber", "getNumberV2"])
async def test_a_prefetch_buys_nothing(tool: Tool, headers: dict[str, str], action: str) -> None:
    target = f"{PHP}?api_key=sk_demo&action={action}&service=wa"

    assert token(await tool.raw("GET", target, headers=headers)) == "BAD_ACTION"
    assert tool.bought == 0


async def test_a_prefetch_changes_nothing(tool: Tool) -> None:
    rental_id, _ = await tool.buy()
    target = f"{PHP}?api_key=sk_demo&action=setStatus&status=8&id={rental_id}"

    assert token(await tool.raw("GET", target, headers={"Purpose": "prefetch"})) == "BAD_ACTION"
    assert tool.sim.books.rentals[rental_id].active


@pytest.mark.parametrize(
    "more",
    [
        "&service=wa",
        "&service=tg",
        "&service%20=wa",
        "&api_key=sk_demo",
        "&action=getNumber",
        "&maxPrice=1&maxPrice=2",
        "&ref=1&ref=1",
    ],
)
@pytest.mark.parametrize("action", ["getNumber", "getNumberV2"])
async def test_a_repeated_parameter_buys_nothing(tool: Tool, action: str, more: str) -> None:
    target = f"{PHP}?api_key=sk_demo&action={action}&service=wa{more}"

    assert token(await tool.raw("GET", target)).startswith("BAD_ACTION")
    assert tool.bought == 0


async def test_a_form_that_contradicts_the_query_buys_nothing(tool: Tool) -> None:
    target = f"{PHP}?api_key=sk_demo&action=getNumber&service=wa"

    assert token(await tool.raw("POST", target, data={"service": "tg"})) == "BAD_ACTION"
    assert tool.bought == 0
    assert token(await tool.raw("POST", target, data={"service": "wa"})).startswith("ACCESS_NUMBER")


@pytest.mark.parametrize(
    "more",
    [
        {"data": b"a=" + b"x" * (MAX_BODY + 1)},
        {"data": gzip.compress(QUERY.encode()), "headers": {"Content-Encoding": "gzip"}},
        {"data": b"\x00\xff", "headers": {"Content-Type": "multipart/form-data"}},
        {"data": b"{}", "headers": {"Content-Type": "multipart/form-data; boundary=\x80"}},
    ],
    ids=["large", "encoded", "no boundary", "bad boundary"],
)
async def test_a_body_that_cannot_be_read_is_a_wrong_action(
    tool: Tool, more: dict[str, Any]
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", **more.get("headers", {})}

    answer = await tool.raw("POST", f"{PHP}?{QUERY}", data=more["data"], headers=headers)

    assert token(answer) == "BAD_ACTION"


MULTIPART = "multipart/form-data; boundary=x"


def part(head: str, content: str = "") -> bytes:
    return f"--x\r\n{head}\r\n\r\n{content}\r\n".encode()


@pytest.mark.parametrize("kind", [MULTIPART, 'multipart/form-data; charset=utf-8; boundary="x"'])
@pytest.mark.parametrize(
    "head",
    [
        'Content-Disposition: form-data; name="{}"',
        "content-disposition:form-data;name={}",
        'Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name="{}"',
        'Content-Disposition: form-data; name="{}"\r\nContent-Transfer-Encoding: 8bit',
    ],
)
async def test_a_multipart_form_is_read_as_libraries_write_it(
    tool: Tool, kind: str, head: str
) -> None:
    body = (
        part(head.format("api_key"), "sk_demo")
        + part('Content-Disposition: form-data; name="action"; filename="a.txt"', "getNumber")
        + part(head.format("action"), " getBalance\r\n")
        + b"--x--\r\n"
    )

    answer = await tool.raw("POST", PHP, data=body, headers={"Content-Type": kind})

    assert token(answer) == BALANCE


SLOW = {
    "quotes": (MULTIPART, part("Content-Disposition: form-data; name=" + '"' * 60_000)),
    "semicolons": (
        MULTIPART,
        part("Content-Disposition: form-data; name=a" + ";=" * 220) * 120,
    ),
    "comments": (MULTIPART, part("Content-Type: " + "(a)" * 20_000)),
    "nested": (MULTIPART, b"".join(part("Content-Type: " + MULTIPART) for _ in range(1000))),
    "quotes in the header": ("multipart/form-data; boundary=" + '"' * 8000, b"x"),
    "comments in the header": ("(a)" * 2600, b"x"),
    "deep": ("(" * 199, b"x"),
}


@pytest.mark.parametrize(("kind", "body"), SLOW.values(), ids=SLOW)
@pytest.mark.parametrize("path", [PHP, STUB, "/api/v1/rent-a-number", "/v1/rentals"])
async def test_no_form_keeps_everybody_else_waiting(
    tool: Tool, path: str, kind: str, body: bytes
) -> None:
    headers = {"Content-Type": kind, "Auth": "sk_demo"}
    tool.client = replace(tool.client, checked=False)  # no client would send it
    plain = part("Content-Disposition: form-data; name=a", "x" * 60_000)

    async def cost(kind: str, body: bytes) -> float:
        """Seconds of the processor: the least of three, since it also collects its garbage."""
        took = []
        for _ in range(3):
            before = time.process_time()
            headers["Content-Type"] = kind
            answer = await tool.raw("POST", path, data=body, headers=headers)
            took.append(time.process_time() - before)
            assert answer.status in (200, 400, 404, 415)
        return min(took)

    # What was slow took 0.7 to 25 s, several hundred times as much as a plain form of this size.
    assert await cost(kind, body) < 50 * await cost(MULTIPART, plain)
    assert tool.bought == 0


@pytest.mark.parametrize("expected", ["100-continue", "the-moon"])
async def test_what_a_client_expects_is_no_reason_to_fail(tool: Tool, expected: str) -> None:
    answer = await tool.raw("POST", PHP, data=QUERY.encode(), headers={"Expect": expected})

    assert token(answer) == BALANCE


async def test_an_answer_in_json_says_so_and_is_not_kept(tool: Tool) -> None:
    answer = await tool.send(action="getCountries")

    assert (answer.status, answer.content_type) == (200, JSON)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Request-Id"]


async def test_a_stranger_learns_nothing_of_other_peoples_rentals(tool: Tool) -> None:
    rental_id, _ = await tool.buy()
    stranger = replace(tool, key=NOBODY)

    assert await stranger.text("getStatus", id=rental_id) == "BAD_KEY"


async def test_a_line_too_long_to_be_read_is_a_wrong_action(tool: Tool) -> None:
    assert token(await tool.raw("GET", f"{PHP}?{QUERY}&x={'a' * 9000}")) == "BAD_ACTION"
