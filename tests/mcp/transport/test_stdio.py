"""The program a client starts: nothing but protocol on its output, and it ends when told."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.simulator import DEMO_KEY, NEVER, Fault, FaultKind, Rules, Simulator
from tests.mcp.support import QUICK
from tests.mcp.transport.test_http import INITIALIZE
from tests.support.waiting import until

ROOT = Path(__file__).absolute().parents[3]
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def call(number: int, tool: str, **given: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": given}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


RENT = call(2, "rent_number", service_code="whatsapp", max_price=1)


@asynccontextmanager
async def started(simulator: Simulator) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program before a simulator, after the handshake."""
    arguments = json.dumps({"provider_url": simulator.url, "key": DEMO_KEY})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.mcp.stdio_program",
        arguments,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await say(process, INITIALIZE)
        assert (await answer_of(process))["id"] == 1
        await say(process, READY)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def say(process: asyncio.subprocess.Process, message: dict[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(message).encode() + b"\n")
    await process.stdin.drain()


async def answer_of(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    answer: dict[str, Any] = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
    return answer


async def rented(simulator: Simulator) -> None:
    async with asyncio.timeout(60):
        while not simulator.journal.calls["rent-a-number"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_whatever_is_printed_stays_out_of_the_protocol() -> None:
    async with Simulator(QUICK).running() as simulator, started(simulator) as process:
        await say(process, RENT)
        answer = await answer_of(process)
        rest, errors = await process.communicate(b"")

    assert answer["result"]["structuredContent"]["price"]
    assert rest == b""
    assert b"this must not reach the client" in errors
    assert b"nor this" in errors
    assert process.returncode == 0


async def test_a_purchase_is_finished_before_it_ends() -> None:
    async with Simulator(QUICK).running() as simulator, started(simulator) as process:
        simulator.script(Fault("rent-a-number", FaultKind.SLOW, seconds=1))
        await say(process, RENT)
        await rented(simulator)
        async with asyncio.timeout(60):
            await process.communicate(b"")

        assert len(simulator.books.rentals) == 1
    assert process.returncode == 0


async def test_it_ends_when_it_is_told_to_though_its_input_stays_open() -> None:
    async with Simulator(QUICK).running() as simulator, started(simulator) as process:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            await process.wait()

    assert process.returncode == 0


async def test_it_ends_with_its_input_though_a_call_waits() -> None:
    silent = replace(QUICK, rules=Rules(code_after=NEVER))
    async with Simulator(silent).running() as simulator, started(simulator) as process:
        await say(process, RENT)
        rental = (await answer_of(process))["result"]["structuredContent"]["id"]
        await say(process, call(3, "wait_for_code", rental_id=rental))
        await until(lambda: simulator.journal.calls["rental-status"])
        async with asyncio.timeout(30):  # the call would wait for 45 seconds
            await process.communicate(b"")

    assert process.returncode == 0
