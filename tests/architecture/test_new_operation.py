"""A new operation on an existing noun touches two product files, and every face has it."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from aiohttp import web
from pytest_aiohttp import AiohttpServer

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gateway", "mcp_server", "adapters")
PROVIDERS_BODY = {"rental": {"id": 12345, "status": "active", "number": "4104287665"}}

OPERATION = """

PAUSE: UpstreamCall[OneRental, Rental] = UpstreamCall("pause", Effect.CHANGE)


async def _pause_rental(context: Context, asked: OneRental) -> Rental:
    return await context.upstream.ask(PAUSE, asked)


PAUSE_RENTAL = Operation(
    name="pause_rental",
    summary="Pause a rental for a while",
    description="Costs nothing, and the rental stays active.",
    takes=OneRental,
    gives=Rental,
    effect=Effect.CHANGE,
    rest=Rest("POST", "/v1/rentals/{rental_id}/pause"),
    run=_pause_rental,
    calls=(PAUSE,),
    errors=(RentalNotFound,),
    subject="rental_id",
)

OPERATIONS = (*OPERATIONS, PAUSE_RENTAL)
"""
ENDPOINT = """

PAUSE = Endpoint(
    rentals.PAUSE,
    "pause",
    "/api/v1/rental-status/{id}/pause",
    refusals.RENTAL,
    _completed,
    about=lambda asked: asked.rental_id,
)

ENDPOINTS = (*ENDPOINTS, PAUSE)
"""
FILES = {
    Path("gateway/core/operations/rentals.py"): OPERATION,
    Path("adapters/getatext/rentals.py"): ENDPOINT,
}

PROGRAM = """
import asyncio, json, sys
from datetime import UTC, datetime

from aiohttp import ClientSession, web

from gateway.core.model.callers import Account, Caller
from gateway.core.operations.catalog import CATALOG
from gateway.http.documents.openapi import document
from gateway.http.serving.server import make_runner
from gateway.settings import Settings
from gateway.wiring import open_gateway
from mcp_server.options import McpOptions
from mcp_server.tools.definitions import Tools

CALLER = Caller("anybody", Account("anybody", "sk_anybody"))


async def main():
    settings = Settings(
        getatext_base_url=sys.argv[1],
        gateway_database_url=f"sqlite:///{sys.argv[2]}",
        gateway_secret="x" * 64,
        gateway_access_log=False,
    )
    async with open_gateway(settings) as gateway:
        name = gateway.hasher.name("sk_anybody")
        await gateway.store.accounts.accept(name, datetime.now(UTC))
        runner = make_runner(gateway.app(with_mcp=False), keepalive=5.0, drain_seconds=5.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        url = f"http://{host}:{port}/v1/rentals/12345/pause"
        async with ClientSession(headers={"X-API-Key": "sk_anybody"}) as session:
            async with session.post(url, json={}) as response:
                answer = response.status, await response.json()
        await runner.cleanup()
    tool = Tools(CATALOG, McpOptions()).visible_to(CALLER)["pause_rental"].definition
    print(json.dumps({
        "answer": answer,
        "documented": "/v1/rentals/{rental_id}/pause" in document()["paths"],
        "tool": [tool["name"], tool["inputSchema"]["required"], tool["annotations"]],
    }))


asyncio.run(main())
"""


def changed(copy: Path) -> set[Path]:
    """The product files of the copy that differ from the project's."""
    return {
        path.relative_to(copy)
        for package in PACKAGES
        for path in (copy / package).rglob("*.py")
        if path.read_bytes() != (ROOT / path.relative_to(copy)).read_bytes()
    }


def run(copy: Path, *command: str) -> str:
    """What a program prints that imports the copy."""
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=copy, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def copy_with_operation(copy: Path) -> None:
    """The product files, with the new operation in them."""
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, copy / package, ignore=ignored)
    for path, more in FILES.items():
        with (copy / path).open("a") as file:
            file.write(more)


async def test_two_files_make_an_operation_that_every_face_has(
    tmp_path: Path, aiohttp_server: AiohttpServer
) -> None:
    asked: list[str] = []

    async def provider(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response(PROVIDERS_BODY)

    stub = web.Application()
    stub.router.add_route("*", "/{tail:.*}", provider)
    provider_url = str((await aiohttp_server(stub)).make_url("/"))
    copy_with_operation(tmp_path)

    database = str(tmp_path / "ledger" / "gateway.db")
    seen = json.loads(await asyncio.to_thread(run, tmp_path, "-c", PROGRAM, provider_url, database))
    helped = run(tmp_path, "-m", "gateway", "pause-rental", "--help")

    assert changed(tmp_path) == set(FILES)
    assert seen["answer"][0] == 200
    assert seen["answer"][1]["number"] == "+14104287665"
    assert asked == ["/api/v1/rental-status/12345/pause"]
    assert seen["documented"]
    hints = {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": True}
    assert seen["tool"] == ["pause_rental", ["rental_id"], {**hints, "openWorldHint": True}]
    assert "Pause a rental for a while" in helped
