"""The programs that docs/mcp.md shows, where `make test` can run them; the others: tests/agents."""

import asyncio
import json
import sys
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import ToolError

from adapters.simulator import DEMO_KEY
from tests.mcp.support import bought, run_mcp
from tests.support.documents import ADDRESS, ROOT, filled, snippets

Json = dict[str, Any]
WANTED = {"service_code": "whatsapp", "max_price": 1}


async def test_the_program_for_fastmcp_gets_a_code() -> None:
    (snippet,) = snippets("FastMCP", "python")
    async with run_mcp() as stand:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", filled(snippet, url=stand.url, key=DEMO_KEY)),
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await process.communicate()

        (rental,) = stand.sim.books.rentals.values()
        assert printed.decode() == f"+1{rental.number} {rental.code}\n"
        assert not rental.active


async def test_fastmcp_does_the_job_and_reads_refusals() -> None:
    async with run_mcp() as stand:
        transport = StreamableHttpTransport(stand.mcp, headers={"X-API-Key": DEMO_KEY})
        async with Client(transport, timeout=60) as client:

            async def call(tool: str, given: Json) -> Json:
                content: Json | None = (await client.call_tool(tool, given)).structured_content
                assert content is not None
                return content

            prices = await call("list_prices", {"query": "whatsapp"})
            with pytest.raises(ToolError, match=r"^price_too_high: whatsapp costs 0\.55 USD now"):
                await call("rent_number", WANTED | {"max_price": 0.01})
            rental = await call("rent_number", WANTED)
            with pytest.raises(ToolError, match=f"^duplicate_purchase: .*{rental['id']}"):
                await call("rent_number", WANTED)
            code = await call("wait_for_code", {"rental_id": rental["id"]})
            ended = await call("complete_rental", {"rental_id": rental["id"]})

        assert prices["data"][0]["price"] == rental["price"] == "0.55"
        assert code["code"] == stand.sim.books.rentals[rental["id"]].code
        assert ended["status"] == "completed"
        assert bought(stand) == 1


def test_the_inspector_is_the_one_that_is_tried() -> None:
    (snippet,) = snippets("The inspector", "sh")
    package = json.loads((ROOT / "scripts" / "conformance" / "package.json").read_text())
    version = package["dependencies"]["@modelcontextprotocol/inspector"]

    assert snippet.startswith(f"npx @modelcontextprotocol/inspector@{version} --cli {ADDRESS}/mcp ")
