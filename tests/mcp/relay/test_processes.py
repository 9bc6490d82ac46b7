"""`mcp --gateway` as a client starts it, before a real gateway: what may go wrong in between."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from adapters.simulator import DEMO_KEY, NEVER, Rules, Simulator
from gateway.core.operations.call import Call
from gateway.core.operations.rentals import RENT_NUMBER
from gateway.settings import Settings
from gateway.wiring import open_gateway
from mcp_server.calls import waiting
from tests.mcp.relay.support import (
    INITIALIZED,
    RENT,
    call,
    initialize,
    request,
)
from tests.mcp.support import ERAS, LEGACY, QUICK, Person, bought, done, refused, run_mcp
from tests.support.cutting import Cutter, cutting
from tests.support.gateway import have_accepted, listening, settings

ROOT = Path(__file__).absolute().parents[3]
SILENT = replace(QUICK, rules=Rules(code_after=NEVER, cancel_locked=0.0))
DEAR = {"service_code": "telegram", "max_price": 9.5}
# What a relay must not load: the store, the provider's client, the gateway's core parts, the SDK.
FOREIGN = ("adapters", "alembic", "asyncpg", "mcp", "mcp_types", "sqlalchemy", "sqlite3")


@asynccontextmanager
async def relay(
    url: str, era: str, person: Person | None = None, *words: str
) -> AsyncIterator[Client]:
    """The SDK's client before the command."""
    program = StdioServerParameters(
        command=sys.executable,
        args=["-m", "gateway", "mcp", "--gateway", url, *words],
        cwd=ROOT,
        env={"GETATEXT_API_KEY": DEMO_KEY},
    )
    answer = person.answer if person else None
    async with Client(program, mode=era, elicitation_callback=answer) as client:
        yield client


@pytest.mark.parametrize("era", ERAS)
async def test_a_purchase_whose_answer_is_lost_is_asked_for_again(era: str) -> None:
    async with (
        run_mcp() as stand,
        cutting(stand.url) as line,
        relay(line.url, era) as client,
    ):
        line.cuts = "rent_number"
        lost = await refused(client, "rent_number", RENT)
        found = re.search(r"request_id (mcp-[0-9a-f]{24}):", lost)
        assert found is not None, lost
        rental = await done(client, "rent_number", {**RENT, "request_id": found[1]})

        assert line.cut == 1
        assert bought(stand) == 1
        assert rental["id"] in stand.sim.books.rentals


async def test_a_confirmed_purchase_whose_answer_is_lost_is_asked_for_again_too() -> None:
    person = Person()
    async with (
        run_mcp() as stand,
        cutting(stand.url) as line,
        relay(line.url, ERAS[1], person) as client,
    ):
        line.cuts = "inputResponses"
        lost = await refused(client, "rent_number", DEAR)
        found = re.search(r"request_id (mcp-[0-9a-f]{24}):", lost)
        assert found is not None, lost
        rental = await done(client, "rent_number", {**DEAR, "request_id": found[1]})

        assert bought(stand) == 1
        assert rental["id"] in stand.sim.books.rentals
    assert len(person.asked) == 1


@pytest.mark.parametrize("era", ERAS)
async def test_the_gateway_may_be_restarted_in_between(era: str, tmp_path: Path) -> None:
    person, database = Person(thinks=1.0), f"sqlite:///{tmp_path}/gateway.db"
    async with Simulator(QUICK).running() as simulator, cutting("") as line:
        chosen = settings(simulator.url, gateway_database_url=database)
        async with AsyncExitStack() as first:
            await first.enter_async_context(node(chosen, line))
            async with relay(line.url, era, person) as client:
                rental = await done(client, "rent_number", DEAR)
                await first.aclose()
                away = await refused(client, "rent_number", DEAR)
                async with node(chosen, line):
                    known = await done(client, "get_rental", {"rental_id": rental["id"]})
                    again = await done(client, "rent_number", {**DEAR, "allow_duplicate": True})

    assert away.startswith("outcome_unknown: The answer of the gateway was lost.")
    assert known["number"] == rental["number"]
    assert again["id"] != rental["id"]
    assert len(person.asked) == 2


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_can_be_cancelled(era: str) -> None:
    async with run_mcp(SILENT) as stand, relay(stand.url, era) as client:
        rental = await done(client, "rent_number", RENT)
        sent = asyncio.create_task(client.call_tool("wait_for_code", {"rental_id": rental["id"]}))
        await asyncio.wait([sent], timeout=0.1)
        sent.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sent
        balance = await done(client, "get_balance")

    assert balance["balance"]


async def test_hidden_tools_are_left_out_of_what_the_gateway_offers() -> None:
    async with (
        run_mcp() as stand,
        relay(stand.url, LEGACY, None, "--read-only", "--toolsets", "account") as client,
    ):
        names = {tool.name for tool in (await client.list_tools()).tools}
        with pytest.raises(Exception, match="Unknown tool: list_rentals"):
            await client.call_tool("list_rentals", {})

    assert names >= {"get_balance"}
    assert not names & {"rent_number", "list_rentals", "list_long_rentals"}


@pytest.mark.parametrize("url", ["nonsense", "ftp://gateway", "http://", "127.0.0.1:8080"])
async def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    process = await started(url)
    printed, errors = await process.communicate(b"")

    assert process.returncode == 2
    assert printed == b""
    assert b"--gateway" in errors


async def test_it_loads_no_store_no_client_of_the_provider_and_no_sdk() -> None:
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print([m for m in sys.modules if m.split('.')[0] in {FOREIGN}"
        " or m.startswith('gateway.wiring.gateway')], file=sys.stderr))\n"
        "from gateway.__main__ import main\n"
        "main()\n"
    )
    async with run_mcp() as stand:
        process = await started(stand.url, "-c", code)
        first = await said(process, initialize(), INITIALIZED, request(1, "tools/list"))
        second = await said(process, call(2, "get_balance", {}), request(3, "prompts/list"))
        _, errors = await process.communicate(b"")
    answers = [*first, *second]

    assert {answer["id"] for answer in answers} == {0, 1, 2, 3}
    assert all("result" in answer for answer in answers)
    assert errors.decode().strip() == "[]"


async def test_it_ends_with_its_input_though_a_call_is_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "PROGRESS_SECONDS", 0.2)
    async with run_mcp(SILENT) as stand:
        caller = await stand.gateway.callers.identify(DEMO_KEY)
        rental = await stand.gateway.invoker.invoke(RENT_NUMBER, Call(caller, "t"), RENT)
        process = await started(stand.url)
        wait = call(1, "wait_for_code", {"rental_id": rental.id})
        wait["params"]["_meta"] = {"progressToken": 1}
        (initialized, progress) = await said(process, initialize(), INITIALIZED, wait)
        async with asyncio.timeout(30):  # the call would wait for 45 seconds
            _, errors = await process.communicate(b"")

    assert "result" in initialized
    assert progress["method"] == "notifications/progress"
    assert process.returncode == 0, errors


async def said(process: asyncio.subprocess.Process, *messages: dict[str, Any]) -> list[Any]:
    """Say it all, and take two lines."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.writelines(json.dumps(message).encode() + b"\n" for message in messages)
    async with asyncio.timeout(60):
        return [json.loads(await process.stdout.readline()) for _ in range(2)]


async def started(url: str, *program: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *(program or ("-m", "gateway")),
        *("mcp", "--gateway", url),
        cwd=ROOT,
        env={"GETATEXT_API_KEY": DEMO_KEY},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def node(chosen: Settings, line: Cutter) -> AsyncIterator[None]:
    """A gateway at the other end of a line; without one the line refuses every connection."""
    async with open_gateway(chosen) as gateway, listening(gateway.app()) as url:
        await have_accepted(gateway, DEMO_KEY)
        line.gateway_url = url
        yield
    line.gateway_url = "http://127.0.0.1:1"
