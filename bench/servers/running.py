"""How every server here is run: on one port, on the loop that `serve` would use."""

import argparse
import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from aiohttp import web

from bench.measure import new_event_loop

KEEPALIVE = 20.0
_SETTINGS: dict[str, Any] = {"access_log": None, "keepalive_timeout": KEEPALIVE}
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def parser() -> argparse.ArgumentParser:
    """The arguments that all servers take."""
    made = argparse.ArgumentParser()
    made.add_argument("--port", type=int, required=True)
    return made


def run(opened: Callable[[], AbstractAsyncContextManager[None]]) -> None:
    """Keep it open until SIGTERM."""

    async def main() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        async with opened():
            await stop.wait()

    with asyncio.Runner(loop_factory=new_event_loop()) as runner:
        runner.run(main())


def listening(app: web.Application, port: int) -> AbstractAsyncContextManager[None]:
    """Serve an application of aiohttp with the gateway's own settings of the server."""
    return _serving(web.AppRunner(app, shutdown_timeout=1, **_SETTINGS), port)


@asynccontextmanager
async def listening_without_app(handler: Handler, port: int) -> AsyncIterator[None]:
    """The same, but every request goes straight to this handler."""
    async with _serving(web.ServerRunner(web.Server(handler, **_SETTINGS)), port):
        yield


@asynccontextmanager
async def _serving(runner: web.BaseRunner, port: int) -> AsyncIterator[None]:
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
        yield
    finally:
        await runner.cleanup()
