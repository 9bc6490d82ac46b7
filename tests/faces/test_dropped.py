"""A tool that hangs up while it buys, and asks again: it gets what it has paid for."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime
from itertools import count

import pytest

from adapters.store import StoreError
from gateway.core.model.callers import Caller
from gateway.core.model.purchases import Spent
from tests.support.core import settle
from tests.support.gateway import ScriptedStand, run_scripted
from tests.support.samples import BALANCE, PRICES, RENTED
from tests.support.scripted import Asked, Held, reply
from tests.support.waiting import until

PHP = "/stubs/handler_api.php?api_key=sk_demo&action=getNumber&service=wa"
STUB = "/stubs/handler_api?api_key=sk_demo&action=getNumber&service=whatsapp"
RENT = "/api/v1/rent-a-number"
BALANCE_PATH = "/api/v1/balance"
OTHER = {**PRICES["prices"][0], "api_name": "other"}
FACES = ["php", "php v2", "stub", "v1"]


class Provider:
    """Sells numbers with ids that count; holds its answers back while `slow`."""

    def __init__(self, stand: ScriptedStand) -> None:
        self.stand = stand
        self.slow = False
        self.tells_balance = True
        self._ids = count(1)
        stand.provider.always = self._answer

    @property
    def sold(self) -> int:
        return sum(path == RENT for _, path, _ in self.stand.provider.briefs)

    def _answer(self, asked: Asked) -> bytes | Held:
        if asked.path == BALANCE_PATH:
            return Held(reply(200, BALANCE)) if self.slow else reply(200, BALANCE)
        if asked.path != RENT:
            return reply(200, {**PRICES, "prices": [*PRICES["prices"], OTHER]})
        sold = {**RENTED, "id": next(self._ids)}
        if not self.tells_balance:
            del sold["new_balance"]
            return reply(201, sold)
        answer = reply(201, sold)
        return Held(answer) if self.slow else answer


def request(face: str, service: str = "whatsapp", key: str = "sk_demo") -> bytes:
    head = "Host: gateway\r\nConnection: close\r\n"
    if face == "v1":
        body = json.dumps({"service": service})
        head += f"Auth: {key}\r\nContent-Length: {len(body)}\r\n"
        return f"POST {RENT} HTTP/1.1\r\n{head}\r\n{body}".encode()
    target = {"php": PHP, "php v2": PHP.replace("getNumber", "getNumberV2"), "stub": STUB}[face]
    target = target.replace("sk_demo", key)
    target = f"{target.rpartition('=')[0]}={service}"
    return f"GET {target} HTTP/1.1\r\n{head}\r\n".encode()


def number_in(raw: bytes) -> int:
    """The id that was sold, whatever the face."""
    body = raw.partition(b"\r\n\r\n")[2].decode()
    if body.startswith("ACCESS_NUMBER:"):
        return int(body.split(":")[1])
    sold = json.loads(body)
    return int(sold.get("activationId") or sold["id"])


class Tool:
    """One connection to the gateway, with a request on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def asking(cls, stand: ScriptedStand, raw: bytes) -> "Tool":
        port = int(stand.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw)
        return cls(reader, writer)

    async def answer(self) -> int:
        raw = await self._reader.read()
        await self.hang_up()
        return number_in(raw)

    async def hang_up(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


@pytest.fixture
async def stand() -> AsyncIterator[ScriptedStand]:
    async with run_scripted() as stand:
        yield stand


@pytest.fixture
def provider(stand: ScriptedStand) -> Provider:
    return Provider(stand)


async def dropped(stand: ScriptedStand, provider: Provider, raw: bytes) -> None:
    """A tool asks, and hangs up as soon as the provider has heard of it."""
    provider.slow = True
    sold = provider.sold
    tool = await Tool.asking(stand, raw)
    await until(lambda: provider.sold > sold)
    provider.slow = False
    await tool.hang_up()


def undelivered(stand: ScriptedStand) -> Callable[[], object]:
    """Whether a purchase is written down as not delivered."""
    log: list[str] = []
    mark = stand.gateway.invoker.undelivered

    async def note(purchase: str) -> None:
        await mark(purchase)
        log.append(purchase)

    stand.gateway.invoker.undelivered = note  # type: ignore[method-assign]
    return lambda: log


def arrivals(stand: ScriptedStand) -> Callable[[], object]:
    """Whether a request has come whose key was read."""
    log: list[str | None] = []
    identify = stand.gateway.callers.identify

    async def note(key: str | None) -> Caller:
        log.append(key)
        return await identify(key)

    stand.gateway.callers.identify = note  # type: ignore[method-assign]
    return lambda: log


@pytest.mark.parametrize("face", FACES)
async def test_the_same_request_gets_the_number_that_was_paid_for(
    stand: ScriptedStand, provider: Provider, face: str
) -> None:
    marked = undelivered(stand)
    await dropped(stand, provider, request(face))
    stand.provider.release()
    await until(marked)
    again = await Tool.asking(stand, request(face))

    assert await again.answer() == 1
    assert provider.sold == 1


@pytest.mark.parametrize("face", FACES)
async def test_one_that_asks_again_while_the_first_runs_waits_for_it(
    stand: ScriptedStand, provider: Provider, face: str
) -> None:
    await dropped(stand, provider, request(face))
    arrived = arrivals(stand)
    again = await Tool.asking(stand, request(face))
    answer = asyncio.create_task(again.answer())
    await until(arrived)
    await settle()
    stand.provider.release()

    assert await answer == 1
    assert provider.sold == 1


@pytest.mark.parametrize("face", ["stub", "v1"])
async def test_one_that_leaves_while_the_balance_is_asked_for_gets_it_when_it_comes_back(
    stand: ScriptedStand, provider: Provider, face: str
) -> None:
    provider.tells_balance, provider.slow = False, True
    marked = undelivered(stand)
    tool = await Tool.asking(stand, request(face))
    await until(lambda: BALANCE_PATH in [path for _, path, _ in stand.provider.briefs])
    await tool.hang_up()
    provider.slow = False
    stand.provider.release()
    await until(marked)
    again = await Tool.asking(stand, request(face))

    assert await again.answer() == 1
    assert provider.sold == 1


@pytest.mark.parametrize("face", ["stub", "v1"])
async def test_a_ledger_that_cannot_tell_the_spending_costs_no_purchase_its_answer(
    stand: ScriptedStand, provider: Provider, face: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(caller_id: str, at: datetime) -> Spent:
        raise StoreError("away")

    provider.tells_balance = False
    monkeypatch.setattr(stand.gateway.ledger, "spending", away)
    tool = await Tool.asking(stand, request(face))

    assert await tool.answer() == 1


async def test_it_is_handed_out_once(stand: ScriptedStand, provider: Provider) -> None:
    marked = undelivered(stand)
    await dropped(stand, provider, request("php"))
    stand.provider.release()
    await until(marked)
    tools = [await Tool.asking(stand, request("php")) for _ in range(3)]
    ids = [await tool.answer() for tool in tools]

    assert sorted(ids) == [1, 2, 3]
    assert provider.sold == 3


@pytest.mark.parametrize(
    "other",
    [request("php", key="sk_other"), request("php", service="other")],
    ids=["key", "service"],
)
async def test_nobody_else_gets_it(stand: ScriptedStand, provider: Provider, other: bytes) -> None:
    marked = undelivered(stand)
    await dropped(stand, provider, request("php"))
    stand.provider.release()
    await until(marked)
    tool = await Tool.asking(stand, other)

    assert await tool.answer() == 2


@pytest.mark.parametrize(
    "other", ["", "&areas=718", "&areas=212&carriers=tmo", "&areas=212&maxPrice=1"]
)
async def test_a_request_with_other_parameters_does_not_get_it(
    stand: ScriptedStand, provider: Provider, other: str
) -> None:
    marked, first = undelivered(stand), request("php", service="whatsapp&areas=212")
    await dropped(stand, provider, first)
    stand.provider.release()
    await until(marked)
    tools = [
        await Tool.asking(stand, request("php", service=f"whatsapp{other}")),
        await Tool.asking(stand, first),
    ]

    assert [await tool.answer() for tool in tools] == [2, 1]


async def test_two_who_stay_on_the_line_buy_two(stand: ScriptedStand, provider: Provider) -> None:
    provider.slow = True
    tools = [await Tool.asking(stand, request("php")) for _ in range(2)]
    await until(lambda: provider.sold == 2)
    stand.provider.release()

    assert sorted([await tool.answer() for tool in tools]) == [1, 2]


async def test_a_refusal_that_nobody_heard_is_no_purchase(
    stand: ScriptedStand, provider: Provider
) -> None:
    refused = Held(reply(400, {"errors": "Service is out of stock"}))
    stand.provider.script.extend([reply(200, PRICES), refused])
    tool = await Tool.asking(stand, request("php"))
    await until(lambda: provider.sold)
    await tool.hang_up()
    stand.provider.release()
    again = await Tool.asking(stand, request("php"))

    assert await again.answer() == 1
