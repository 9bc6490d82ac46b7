"""What the documents are for: kits make clients and tools of them, and these buy and read codes."""

import importlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError

from adapters.simulator import DEMO_KEY, Rules
from gateway.core.operations.catalog import CATALOG
from tests.support.contract import COMMITTED, DERIVED
from tests.support.gateway import USUAL, Stand, run_simulated

QUICK = replace(USUAL, rules=Rules(code_after=0.0, cancel_locked=0.0))
each_document = pytest.mark.parametrize("path", ["/openapi.json", "/openapi-3.0.json"])


@asynccontextmanager
async def tools_of(stand: Stand, path: str) -> AsyncIterator[Client[Any]]:
    """fastmcp's tools, made of a document as the gateway serves it."""
    document = (await stand.client.get(path)).json
    headers = {"X-API-Key": DEMO_KEY}
    async with httpx2.AsyncClient(base_url=stand.url, headers=headers, timeout=60) as http:
        server = FastMCP.from_openapi(document, client=http, name="kit")
        async with Client(server) as client:
            yield client


@each_document
async def test_an_agent_kit_rents_waits_and_reads_an_error(path: str) -> None:
    async with run_simulated(QUICK) as stand, tools_of(stand, path) as tools:
        named = {tool.name for tool in await tools.list_tools()}
        rented = await tools.call_tool("rent_number", {"service_code": "whatsapp"})
        rental = rented.structured_content or {}
        waited = await tools.call_tool("wait_for_code", {"rental_id": rental["id"]})
        with pytest.raises(ToolError) as refused:
            await tools.call_tool("rent_number", {"service_code": "no-such-service"})

    assert named == {op.name for op in CATALOG} | {"stream_events"}
    assert (rental["status"], rental["price"]) == ("active", "0.55")
    assert (waited.structured_content or {})["status"] == "received"
    assert "service_not_found" in str(refused.value)
    assert "Nothing was charged." in str(refused.value)


@pytest.fixture(params=[COMMITTED, DERIVED["3.0"]], ids=["3.1", "3.0"])
def package(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A typed client that openapi-python-client generates without a warning; its name."""
    folder = tmp_path / "made"
    programs = Path(sys.executable).parent  # it formats what it generates with ruff, from PATH
    done = subprocess.run(
        [programs / "openapi-python-client", "generate", "--meta", "none", "--fail-on-warning",
         "--path", request.param, "--output-path", folder / "typed_client"],
        env={**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield "typed_client"
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == "typed_client"]:
        del sys.modules[name]


def part(package: str, *names: str) -> ModuleType:
    return importlib.import_module(".".join([package, *names]))


async def test_a_generated_client_rents_waits_and_reads_an_error(package: str) -> None:
    models = part(package, "models")
    async with run_simulated(QUICK) as stand:
        client = part(package, "client").AuthenticatedClient(
            base_url=stand.url, token=DEMO_KEY, prefix="", auth_header_name="X-API-Key"
        )
        rent = part(package, "api", "rentals", "rent_number").asyncio
        wait = part(package, "api", "rentals", "wait_for_code").asyncio
        rental = await rent(client=client, body=models.RentNumberBody(service_code="whatsapp"))
        code = await wait(rental.id, client=client)
        problem = await rent(client=client, body=models.RentNumberBody(service_code="no-such"))

    assert isinstance(rental, models.Rental)
    assert rental.status is models.RentalStatus.ACTIVE
    assert code.code.isdigit()
    assert isinstance(problem, models.Problem)
    assert problem.code == "service_not_found"
    assert "Nothing was charged." in problem.detail
