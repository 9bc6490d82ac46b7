"""Agent kits as docs/mcp.md says to use them: the job is done, and refusals are read."""

import asyncio
import json
import shlex
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession

from tests.agents.model import Json
from tests.agents.stand import PYTHON, WANTED, AgentStand, standing
from tests.support.documents import snippets
from tests.support.waiting import until

KITS = ("LangChain", "Pydantic AI", "OpenAI Agents SDK", "Google ADK")
# What OpenAI refuses in a strict schema is not listed in one place; this is what it takes.
STRICT = {"type", "description", "enum", "default", "maximum", "minimum"}


@pytest.mark.parametrize("kit", KITS)
async def test_a_kit_does_the_job_and_reads_refusals(kit: str, tmp_path: Path) -> None:
    (snippet,) = snippets(kit, "python")
    async with standing(tmp_path) as stand:
        said = await stand.run(PYTHON, "-c", stand.filled(snippet))

        stand.has_done_the_job(said)
        if kit.startswith("OpenAI"):
            for schema in stand.model.tools.values():
                is_strict(schema)


def is_strict(schema: Json) -> None:
    """An object whose properties are all required and plain."""
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(schema["properties"])
    for each in schema["properties"].values():
        assert set(each) <= STRICT


async def test_fastmcp_does_the_job_on_mcp_1_too(tmp_path: Path) -> None:
    (snippet,) = snippets("FastMCP", "python")
    async with standing(tmp_path) as stand:
        said = await stand.run(PYTHON, "-c", stand.filled(snippet))

        (rental,) = stand.gateway.sim.books.rentals.values()
        assert said == f"+1{rental.number} {rental.code}\n"
        assert not rental.active


async def test_a_proxy_to_openapi_serves_the_tools(tmp_path: Path) -> None:
    (snippet,) = snippets("Open WebUI", "sh")
    async with standing(tmp_path) as stand, proxied(stand, snippet) as url:
        async with ClientSession(url) as session:

            async def call(tool: str, given: Json) -> tuple[int, Json]:
                async with session.post(f"/{tool}", json=given) as response:
                    return response.status, await response.json()

            _, prices = await call("list_prices", {"query": "whatsapp"})
            too_low = await call("rent_number", WANTED | {"max_price": 0.01})
            _, rental = await call("rent_number", WANTED)
            _, code = await call("wait_for_code", {"rental_id": rental["id"]})
            _, ended = await call("complete_rental", {"rental_id": rental["id"]})

        assert prices["data"][0]["price"] == "0.55"
        assert too_low[0] == 500
        assert "price_too_high: whatsapp costs 0.55 USD" in json.dumps(too_low[1])
        assert code["code"] == stand.gateway.sim.books.rentals[rental["id"]].code
        assert ended["status"] == "completed"


@asynccontextmanager
async def proxied(stand: AgentStand, snippet: str) -> AsyncIterator[str]:
    """The proxy as the document starts it, but for its port; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program, *words = shlex.split(stand.filled(snippet).replace("8000", str(port)))
    url = f"http://127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        PYTHON.with_name(program),
        *words,
        env=stand.env,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with ClientSession() as session:

        async def listens() -> bool:
            assert process.returncode is None
            try:
                async with session.get(f"{url}/openapi.json") as response:
                    return response.status == 200
            except ClientError:
                return False

        try:
            await until(listens)
            yield url
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
