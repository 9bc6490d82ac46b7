"""Serves the everything-server through the bridge and runs the suite on it, then on /mcp itself.

`make conformance` starts it, with the suite's programs on the PATH.
"""

import asyncio
import json
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory

from aiohttp import web
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from pydantic import AnyHttpUrl

from adapters.simulator import DEMO_KEY, Simulator
from gateway.core.model.callers import Account, Caller
from gateway.core.model.errors import GatewayError
from gateway.core.operations.catalog import TOOLS
from gateway.http.wire import problems
from gateway.http.wire.edge import Handler
from gateway.settings import Settings
from gateway.wiring import open_gateway
from mcp_server.options import McpOptions
from mcp_server.transport.http import Mount, mount, mount_manager
from scripts.conformance import programs
from scripts.conformance.everything import Events, make_server
from scripts.mcpb import MANIFEST
from tests.support.documents import filled, snippets

REVISIONS = ("2025-11-25", "2026-07-28")

# What the suite can ask of any server: no fixture is needed.
FREE = {
    "2025-11-25": (
        "server-initialize",
        "server-session-lifecycle",
        "ping",
        "tools-list",
        "resources-list",
        "prompts-list",
        "dns-rebinding-protection",
        "server-sse-multiple-streams",
    ),
    "2026-07-28": (
        "tools-list",
        "resources-list",
        "prompts-list",
        "caching",
        "dns-rebinding-protection",
        "server-sse-multiple-streams",
        "http-header-validation",
        "sep-2164-resource-not-found",
        "input-required-result-unsupported-methods",
    ),
}


async def identify(request: web.Request) -> Caller:
    """Everybody is let in: the suite carries no key."""
    return Caller("suite", Account("suite", DEMO_KEY))


@web.middleware
async def told(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refusals as problem documents, as the gateway's edge does it."""
    try:
        return await handler(request)
    except GatewayError as error:
        return problems.render(error, "")


def make_manager() -> StreamableHTTPSessionManager:
    """The SDK's manager, with streams that can be taken up again."""
    return StreamableHTTPSessionManager(app=make_server(), event_store=Events(), retry_interval=100)


@asynccontextmanager
async def serving(mounted: Mount, port: int = 0) -> AsyncIterator[str]:
    """Something of ours on a port; gives its address."""
    app = web.Application(middlewares=[told])
    mounted.add_to(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def everything() -> AsyncIterator[str]:
    """The everything-server behind the bridge."""
    mounted = mount_manager(make_manager, identify, lambda request: "", McpOptions())
    async with serving(mounted) as url:
        yield url


@asynccontextmanager
async def ourselves() -> AsyncIterator[str]:
    """The gateway's own tools, before the simulator."""
    with TemporaryDirectory() as folder:
        async with Simulator().running() as simulator:
            settings = Settings(
                getatext_base_url=AnyHttpUrl(simulator.url),
                gateway_database_url=f"sqlite:///{folder}/gateway.db",
            )
            async with open_gateway(settings) as gateway:
                mounted = mount(gateway.invoker, identify, lambda request: "", McpOptions())
                async with serving(mounted) as url:
                    yield url


async def bridge_conforms(revision: str) -> bool:
    """Run the whole suite on the everything-server."""
    async with everything() as url:
        code, printed = await programs.run(
            "conformance", "server", "--url", url, "--requirements", revision
        )
    found = programs.scenarios(printed)
    sys.stdout.write("\n".join(programs.told(revision, code, found)) + "\n")
    if code or not found:
        sys.stdout.write(printed)
    return code == 0 and bool(found)


async def passes(url: str, revision: str, scenario: str) -> bool:
    """Run one scenario on /mcp itself."""
    code, printed = await programs.run(
        "conformance", "server", "--url", url, "--scenario", scenario, "--spec-version", revision
    )
    sys.stdout.write(f"{_mark(code == 0)} {revision} {scenario}\n{printed if code else ''}")
    return code == 0


async def inspector_works(url: str) -> bool:
    """The inspector's command line lists the tools, and calls one as the document says."""
    there = ("mcp-inspector", "--cli", url, "--transport", "http")
    (shown,) = snippets("The inspector", "sh")
    shown = filled(shown.replace("\\\n", ""), url=url.removesuffix("/mcp"), key=DEMO_KEY)
    _, _, *asked = shlex.split(shown)
    _, listed = await programs.run(*there, "--method", "tools/list")
    _, called = await programs.run("mcp-inspector", *asked)
    try:
        names = [tool["name"] for tool in json.loads(listed)["tools"]]
        works = names == [op.name for op in TOOLS]
        works = works and len(json.loads(called)["structuredContent"]["data"]) == 1
    except (ValueError, KeyError):
        works = False
    sys.stdout.write(f"{_mark(works)} inspector\n{'' if works else listed + called}")
    return works


async def bundle_is_valid() -> bool:
    """The bundle's manifest is as its makers want it."""
    code, printed = await programs.run("mcpb", "validate", str(MANIFEST))
    sys.stdout.write(f"{_mark(code == 0)} mcpb/manifest.json\n{printed if code else ''}")
    return code == 0


async def main() -> int:
    """Run it all; 0 where all is well."""
    if lack := await programs.missing():
        sys.stdout.write(f"{lack}\n")
        return 2
    sys.stdout.write("== the bridge: requirements, scored scenarios, their checks\n")
    well = [await bridge_conforms(revision) for revision in REVISIONS]
    sys.stdout.write("== /mcp itself\n")
    async with ourselves() as url:
        well += [
            await passes(url, revision, name) for revision, names in FREE.items() for name in names
        ]
        well.append(await inspector_works(url))
    well.append(await bundle_is_valid())
    return 0 if all(well) else 1


def _mark(passed: bool) -> str:
    return "ok  " if passed else "FAIL"


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
