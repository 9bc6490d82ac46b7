"""An agent kit makes tools of the documents, and does the main job with them alone."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError

from adapters.simulator import Rules
from gateway.core.operations.catalog import CATALOG
from gateway.http.documents.openapi import TAGS
from tests.support.gateway import USUAL, Stand, run_simulated

KEY = {"X-API-Key": "sk_demo"}
AT_ONCE = replace(USUAL, rules=Rules(code_after=0.0))
each_document = pytest.mark.parametrize("document", ["openapi.json", "openapi-3.0.json"])


@asynccontextmanager
async def kit(document: str) -> AsyncIterator[tuple[Stand, Client[Any]]]:
    """The tools that fastmcp makes of a document as the gateway serves it."""
    async with (
        run_simulated(AT_ONCE) as stand,
        httpx2.AsyncClient(base_url=stand.url, headers=KEY) as http,
    ):
        described = (await http.get(f"/{document}")).json()
        async with Client(FastMCP.from_openapi(described, http)) as client:
            yield stand, client


@each_document
async def test_every_operation_becomes_a_tool(document: str) -> None:
    async with kit(document) as (_, client):
        names = {tool.name for tool in await client.list_tools()}

        assert names >= {op.name for op in CATALOG if op.toolset in TAGS}


@each_document
async def test_an_agent_rents_waits_and_completes(document: str) -> None:
    async with kit(document) as (stand, client):
        wanted = {"service_code": "whatsapp", "max_price": "1.00", "request_id": "agent-1"}
        rental = (await client.call_tool("rent_number", wanted)).structured_content
        assert rental is not None
        again = (await client.call_tool("rent_number", wanted)).structured_content
        which = {"rental_id": rental["id"]}
        code = (await client.call_tool("wait_for_code", which)).structured_content
        ended = (await client.call_tool("complete_rental", which)).structured_content

        assert again == rental
        assert code is not None
        assert code["status"] == "received"
        assert ended is not None
        assert (ended["status"], ended["code"]) == ("completed", code["code"])
        assert len((await stand.client.get("/v1/rentals")).json["data"]) == 1


@each_document
async def test_an_agent_reads_what_went_wrong_and_whether_money_moved(document: str) -> None:
    async with kit(document) as (_, client):
        with pytest.raises(ToolError) as refused:
            await client.call_tool("rent_number", {"service_code": "whatsapp", "max_price": "0.01"})
        problem = json.loads(str(refused.value)[str(refused.value).index("{") :])

        assert (problem["code"], problem["charged"]) == ("price_too_high", "no")
