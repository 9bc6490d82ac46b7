"""The official TypeScript client signs in by OAuth, with a person's browser beside it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.agents.stand import NPM
from tests.mcp.oauth.support import Stand, signing_in

SECONDS = 60
BACK = "http://localhost:3030/callback?"


@dataclass
class Client:
    """The program, line by line."""

    process: asyncio.subprocess.Process

    async def says(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(SECONDS):
            line = await self.process.stdout.readline()
        assert line, "it has ended"
        said: dict[str, Any] = json.loads(line)
        return said

    async def hears(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    async def calls(self, tool: str, **given: Any) -> dict[str, Any]:
        await self.hears(json.dumps({"tool": tool, "given": given}))
        return await self.says()


@asynccontextmanager
async def started(stand: Stand, method: str = "") -> AsyncIterator[Client]:
    script = NPM.parent / "sign_in.mjs"
    process = await asyncio.create_subprocess_exec(
        *("node", str(script), stand.node.mcp, method),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Client(process)
    finally:
        process.kill()
        await process.communicate()


async def signed_in(stand: Stand, client: Client, key: str) -> None:
    asked = await client.says()
    shown = await stand.person.opens(asked["authorize"])
    back = await stand.person.sends(shown, key=key)
    assert back.location.startswith(BACK), back.page.text
    assert (back.told["state"], back.told["iss"]) == ("a state", stand.node.url)
    await client.hears(back.location)
    assert await client.says() == {"connected": True}


@pytest.mark.parametrize("method", ["none", "client_secret_post", "client_secret_basic", ""])
async def test_it_signs_in_buys_refreshes_and_ends_with_its_key(method: str) -> None:
    wanted = {"service_code": "whatsapp", "max_price": 1}
    async with signing_in() as stand, started(stand, method) as client:
        await signed_in(stand, client, await stand.node.key())
        bought = await client.calls("rent_number", **wanted)
        stand.clock.ahead = timedelta(minutes=61)
        later = await client.calls("get_balance")
        child = await stand.node.named("Agent in TypeScript")
        await stand.node.gateway.keys.revoke(child.id, datetime.now(UTC))
        await client.hears(json.dumps({"tool": "get_balance", "given": {}}))
        again = await client.says()

    assert not bought["error"]
    assert not later["error"]
    assert bought["token"] != later["token"]
    assert len(stand.sim.books.rentals) == 1
    assert again["authorize"].startswith(f"{stand.node.url}/authorize?")
