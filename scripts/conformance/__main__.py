"""Serves the everything-server through the bridge and runs the suite: needs Node 22 or later."""

import asyncio
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from pydantic import AnyHttpUrl

from adapters.simulator import DEMO_KEY, Simulator
from gateway.core.callers import Account, Caller
from gateway.core.errors import GatewayError
from gateway.http import problems
from gateway.http.edge import Handler
from gateway.settings import Settings
from gateway.wiring import open_gateway
from mcp_server.http import Mount, mount, mount_manager
from mcp_server.options import McpOptions
from scripts.conformance.everything import Events, make_server

PACKAGE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
REVISIONS = ("2025-11-25", "2026-07-28")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


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
    ),
    "2026-07-28": (
        "tools-list",
        "resources-list",
        "prompts-list",
        "caching",
        "dns-rebinding-protection",
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
    async with Simulator().running() as simulator:
        settings = Settings(getatext_base_url=AnyHttpUrl(simulator.url))
        async with open_gateway(settings) as gateway:
            mounted = mount(gateway.invoker, identify, lambda request: "", McpOptions())
            async with serving(mounted) as url:
                yield url


async def run_suite(url: str, *arguments: str) -> tuple[int, str]:
    """The suite's exit code, and what it printed."""
    program = shutil.which("conformance")
    command = [program] if program else ["npx", "--yes", PACKAGE]
    process = await asyncio.create_subprocess_exec(
        *command,
        "server",
        "--url",
        url,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    return process.returncode or 0, _COLOURS.sub("", printed.decode(errors="replace"))


async def main() -> int:
    """Run it all; the worst exit code."""
    codes: list[int] = []
    async with everything() as url:
        for revision in REVISIONS:
            code, printed = await run_suite(url, "--requirements", revision)
            codes.append(code)
            sys.stdout.write(f"== Requirements {revision}, the bridge\n{_summary(printed)}\n")
    async with ourselves() as url:
        for revision, scenarios in FREE.items():
            sys.stdout.write(f"== {revision}, /mcp itself\n")
            for scenario in scenarios:
                code, printed = await run_suite(
                    url, "--scenario", scenario, "--spec-version", revision
                )
                codes.append(code)
                mark = "ok  " if code == 0 else "FAIL"
                sys.stdout.write(f"{mark} {scenario}\n{'' if code == 0 else printed}")
    return max(codes)


def _summary(printed: str) -> str:
    """From the suite's summary on; all of it where there is none."""
    return printed[max(0, printed.find("=== SUMMARY")) :]


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
