"""The official SDK of the years before: the job, and the answers of clients without a person."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY
from mcp_server.options import McpOptions
from tests.agents.model import Json
from tests.agents.stand import PYTHON, SECONDS, WANTED, AgentStand, standing
from tests.mcp.support import bought
from tests.support.documents import ROOT

SDK = Path(__file__).with_name("sdk.py")
ACCEPT = {"action": "accept", "content": {"confirm": True}}
CANCEL, DECLINE = {"action": "cancel"}, {"action": "decline"}
DEAR = {"service_code": "telegram", "max_price": 9.5}
NOBODY = "confirmation_required: A person has to confirm a purchase at 2.57 USD, and nobody could"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call of a tool came to, and what the client was asked so far."""

    error: bool
    text: str
    asked: list[str]

    @property
    def content(self) -> Json:
        assert not self.error, self.text
        content: Json = json.loads(self.text)
        return content


@dataclass(frozen=True, slots=True)
class Sdk:
    """Speaks with sdk.py."""

    process: asyncio.subprocess.Process

    async def call(self, tool: str, **given: Any) -> Reply:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"tool": tool, "given": given}).encode() + b"\n")
        async with asyncio.timeout(SECONDS):
            return Reply(**json.loads(await self.process.stdout.readline()))


@asynccontextmanager
async def client(
    stand: AgentStand, way: str = "url", answer: Json | None = ACCEPT
) -> AsyncIterator[Sdk]:
    """The client before the gateway, or before a command of its own."""
    server: Json = {"url": stand.gateway.mcp, "headers": {"X-API-Key": DEMO_KEY}}
    if way == "command":
        env = stand.command_env | {"GETATEXT_API_KEY": DEMO_KEY}
        server = {"command": sys.executable, "args": ["-m", "gateway", "mcp"], "env": env}
        server["cwd"] = str(ROOT)
    process = await asyncio.create_subprocess_exec(
        *(PYTHON, SDK, json.dumps(server | {"answer": answer})),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Sdk(process)
        await process.communicate(b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("way", ["url", "command"])
async def test_the_sdk_does_the_job_and_reads_refusals(way: str, tmp_path: Path) -> None:
    async with standing(tmp_path) as stand, client(stand, way) as sdk:
        prices = (await sdk.call("list_prices", query="whatsapp")).content
        above = await sdk.call("rent_number", **WANTED | {"max_price": 0.01})
        rental = (await sdk.call("rent_number", **WANTED)).content
        twice = await sdk.call("rent_number", **WANTED)
        code = (await sdk.call("wait_for_code", rental_id=rental["id"])).content
        ended = (await sdk.call("complete_rental", rental_id=rental["id"])).content

        assert prices["data"][0]["price"] == rental["price"] == "0.55"
        assert above.text.startswith("price_too_high: whatsapp costs 0.55 USD now, above max_price")
        assert twice.text.startswith("duplicate_purchase: ")
        assert str(rental["id"]) in twice.text
        assert (above.error, twice.error) == (True, True)
        assert code["code"] == stand.gateway.sim.books.rentals[rental["id"]].code
        assert ended["status"] == "completed"
        assert bought(stand.gateway) == 1


@pytest.mark.parametrize("answer", [CANCEL, ACCEPT, None], ids=["cancel", "accept", "error"])
@pytest.mark.parametrize("unconfirmed", ["refuse", "allow"])
async def test_a_client_that_answers_at_once_has_asked_nobody(
    answer: Json | None, unconfirmed: Any, tmp_path: Path
) -> None:
    options = McpOptions(unconfirmed=unconfirmed)
    async with standing(tmp_path, options=options) as stand, client(stand, answer=answer) as sdk:
        reply = await sdk.call("rent_number", **DEAR)

        assert len(reply.asked) == 1
        assert bought(stand.gateway) == (unconfirmed == "allow")
        assert reply.error == (unconfirmed == "refuse")
        assert unconfirmed == "allow" or reply.text.startswith(NOBODY)


async def test_a_decline_never_buys(tmp_path: Path) -> None:
    options = McpOptions(unconfirmed="allow")
    async with standing(tmp_path, options=options) as stand, client(stand, answer=DECLINE) as sdk:
        reply = await sdk.call("rent_number", **DEAR)

        assert reply.text.startswith("not_confirmed: ")
        assert "by the client itself without asking" in reply.text
        assert "--confirm-above" in reply.text
        assert bought(stand.gateway) == 0
